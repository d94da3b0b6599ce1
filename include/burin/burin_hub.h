/// @file
/// The model manager's part of the C interface: fetching, checking, searching and removing models. Conventions are
/// those of burin.h. What a function finds out is a burin_report: the JSON that the program prints under "data" for the
/// command of the same name, read whole or member by member.
#pragma once

#include "burin/burin.h"

#ifdef __cplusplus
extern "C" {
#endif

/** What a function found out. */
typedef struct burin_report burin_report;

/** The whole of it as JSON text; lives as long as the report, as the texts below. */
BURIN_API const char* burin_report_json(const burin_report* report);
/** The text at a JSON pointer ("/commit_hash", "/files/0/name"), or NULL where there is none. */
BURIN_API const char* burin_report_text(const burin_report* report, const char* pointer);
/** The number, or 0 or 1 for a truth value, at a JSON pointer; `fallback` where there is none. */
BURIN_API double burin_report_number(const burin_report* report, const char* pointer, double fallback);
/** How many elements the list or members the object at a JSON pointer has; "" is the whole report. */
BURIN_API size_t burin_report_count(const burin_report* report, const char* pointer);
/** Frees the report. */
BURIN_API void burin_report_free(burin_report* report);

/** Where models lie and which Hub is asked. */
typedef struct burin_hub_options {
  size_t size;                          /**< sizeof(burin_hub_options) */
  const burin_environment* environment; /**< NULL: of the process */
  const char* endpoint;                 /**< NULL: HF_ENDPOINT, else the Hugging Face Hub */
  const char* token;                    /**< NULL: HF_TOKEN or the token file; "": none is sent */
  int32_t offline;                      /**< 1: no network, besides what HF_HUB_OFFLINE says */
} burin_hub_options;

/** Sets the defaults: everything of the process. `size`: sizeof(burin_hub_options). */
BURIN_API void burin_hub_options_init(burin_hub_options* options, size_t size);

/** A moment of a download or of a check. */
typedef struct burin_hub_progress {
  size_t size;          /**< sizeof(burin_hub_progress) */
  uint64_t bytes_done;  /**< of bytes_total */
  uint64_t bytes_total; /**< what has to be fetched or hashed */
  uint64_t files_done;  /**< of files_total; 0 in a check */
  uint64_t files_total; /**< files to fetch; 0 in a check */
  double bytes_per_s;   /**< over the last seconds; 0 in a check */
} burin_hub_progress;

/** Called some times a second; another return than 0 cancels. */
typedef int (*burin_hub_callback)(const burin_hub_progress* progress, void* user_data);

/** What to fetch. */
typedef struct burin_pull_options {
  size_t size;                /**< sizeof(burin_pull_options) */
  const char* model;          /**< NAMESPACE/NAME, or a NAME of mlx-community */
  const char* revision;       /**< branch, tag, refs/pr/N or commit; NULL: main */
  const char* const* include; /**< only files that match one of these patterns; NULL: all */
  size_t include_count;       /**< of include */
  const char* const* exclude; /**< no files that match one of these */
  size_t exclude_count;       /**< of exclude */
  int32_t jobs;               /**< files at a time */
  int32_t dry_run;            /**< 1: writes nothing, reports what would be fetched */
  int32_t check_all;          /**< 1: hashes what is cached too, and fetches again what differs */
  int32_t timeout_s;          /**< seconds for all of it; 0: no limit but those on silence */
  const char* local_dir;      /**< plain files into this folder instead of into the cache; NULL: none */
} burin_pull_options;

/** Sets the defaults. `size`: sizeof(burin_pull_options). */
BURIN_API void burin_pull_options_init(burin_pull_options* options, size_t size);

/**
 * Brings a model into the Hugging Face cache, or goes on where an earlier call was cut off. What it reports is complete
 * and hash-checked: {model, download_status, commit_hash, path, files, bytes_downloaded, bytes_total, ..}.
 */
BURIN_API burin_status burin_hub_pull(const burin_hub_options* options, const burin_pull_options* pull,
                                      burin_hub_callback on_progress, void* user_data, burin_report** report,
                                      burin_error** error);

/** What to check. */
typedef struct burin_check_options {
  size_t size;       /**< sizeof(burin_check_options) */
  const char* model; /**< as burin_load_options.model; NULL: every model, in a check alone */
  int32_t deep;      /**< 1: every byte is compared with the hash that names it */
} burin_check_options;

/** Sets the defaults. `size`: sizeof(burin_check_options). */
BURIN_API void burin_check_options_init(burin_check_options* options, size_t size);

/** Checks models: {healthy, unhealthy, summary}. A bad model is a report, not an error. */
BURIN_API burin_status burin_hub_health(const burin_hub_options* options, const burin_check_options* check,
                                        burin_hub_callback on_progress, void* user_data, burin_report** report,
                                        burin_error** error);

/** Fetches what is missing or damaged in a model, and no more. The report is that of burin_hub_pull. */
BURIN_API burin_status burin_hub_repair(const burin_hub_options* options, const burin_check_options* check,
                                        burin_hub_callback on_progress, void* user_data, burin_report** report,
                                        burin_error** error);

/**
 * Removes a model by its whole name, or one revision as NAME\@REVISION; files that other revisions need stay.
 * `dry_run` 1 only says what would go. BURIN_BUSY while another process fetches it.
 */
BURIN_API burin_status burin_hub_remove(const burin_hub_options* options, const char* model, int32_t dry_run,
                                        burin_report** report, burin_error** error);

/** Models of the Hub by words in their names, or offline those that burin knows: {models, source}. */
BURIN_API burin_status burin_hub_search(const burin_hub_options* options, const char* query, int32_t limit,
                                        burin_report** report, burin_error** error);

/**
 * Known models for a use case ("chat", "embedding", ..) that run in so much memory, the most able first:
 * {use_case, available_bytes, models}. `memory_bytes` 0: what is available now.
 */
BURIN_API burin_status burin_hub_recommend(const burin_hub_options* options, const char* use_case,
                                           uint64_t memory_bytes, burin_report** report, burin_error** error);

/** What is to fit. */
typedef struct burin_fits_options {
  size_t size;           /**< sizeof(burin_fits_options) */
  const char* model;     /**< one of this machine, of the registry, or of the Hub */
  int64_t context;       /**< tokens of each conversation */
  int64_t parallel;      /**< conversations at the same time */
  double kv_bits;        /**< of the values that are kept of each token */
  uint64_t memory_bytes; /**< 0: what is available now */
} burin_fits_options;

/** Sets the defaults: 4096 tokens, one conversation, 16 bits. `size`: sizeof(burin_fits_options). */
BURIN_API void burin_fits_options_init(burin_fits_options* options, size_t size);

/**
 * Whether a model runs in so much memory with a context, without loading it:
 * {fits, required_bytes, available_bytes, parts, largest_context, ..}.
 */
BURIN_API burin_status burin_hub_fits(const burin_hub_options* options, const burin_fits_options* fits,
                                      burin_report** report, burin_error** error);

#ifdef __cplusplus
}
#endif
