/// @file
/// The C interface of burin (C11), which every other language binding stands on. Conventions:
/// - Functions that can fail return a burin_status and, where `error` is not NULL, put a new burin_error there on
///   failure (burin_error_free), NULL otherwise. No C++ exception leaves the library.
/// - Every struct begins with its size: use burin_*_init, or set `size` to sizeof the struct. Fields are only ever
///   added at the end, so programs and libraries of different versions of one ABI work together.
/// - Text is UTF-8 and ends with a zero byte. Text that a function returns belongs to the caller: burin_string_free.
/// - Callbacks run on the thread of the function that was called, and may call the library.
/// - Every function may be called from any thread; one generation is read by one thread at a time. A child process made
///   by fork without exec must not use the library.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "burin/export.h"

#ifdef __cplusplus
extern "C" {
#endif

/** The ABI of this header: it changes when a program built against another one would break. */
#define BURIN_ABI_VERSION 0

/** BURIN_OK, one of the error codes, or BURIN_END. The codes are the program's exit statuses. */
typedef int32_t burin_status;

/** Values of burin_status. */
enum {
  BURIN_END = -1,               /**< burin_generation_next: nothing more comes */
  BURIN_OK = 0,                 /**< done */
  BURIN_INTERNAL = 1,           /**< a fault of burin or of a library below it */
  BURIN_INVALID_ARGUMENT = 2,   /**< the call itself is wrong; fact "param" names the part where known */
  BURIN_NOT_FOUND = 3,          /**< no such model, revision or file */
  BURIN_AMBIGUOUS = 4,          /**< a name that fits several models; fact "matches" lists them */
  BURIN_NETWORK = 5,            /**< the Hub cannot be reached (burin_hub.h) */
  BURIN_PERMISSION = 6,         /**< a file may not be read */
  BURIN_CORRUPT = 7,            /**< a file of the model is damaged; the message names it */
  BURIN_UNSUPPORTED = 8,        /**< valid, but not something this burin can do; the hint says what to do */
  BURIN_RESOURCE_EXHAUSTED = 9, /**< memory ran out */
  BURIN_BUSY = 10,              /**< too many requests wait, or the engine is being loaded or recovered */
  BURIN_CANCELLED = 130         /**< burin_engine_cancel, or a callback that asked for it */
};

/** A failure. */
typedef struct burin_error burin_error;
/** One place for one loaded model, with the thread that runs it. */
typedef struct burin_engine burin_engine;
/** One answer in the making or made. */
typedef struct burin_generation burin_generation;
/** Models on this machine. */
typedef struct burin_models burin_models;

/** The library's BURIN_ABI_VERSION, to compare with the header's. */
BURIN_API int32_t burin_abi_version(void);
/** "0.1.0": valid for ever. */
BURIN_API const char* burin_version(void);

/** The failure's code. */
BURIN_API burin_status burin_error_code(const burin_error* error);
/** A sentence for people; lives as long as `error`, as the texts below. */
BURIN_API const char* burin_error_message(const burin_error* error);
/** What to do next; may be empty. */
BURIN_API const char* burin_error_hint(const burin_error* error);
/** A finer name than the code's where there is one: "ambiguous_match", "model_not_found". */
BURIN_API const char* burin_error_type(const burin_error* error);
/** The detail called `name`, or NULL. */
BURIN_API const char* burin_error_fact(const burin_error* error, const char* name);
/** The name of detail `index` in order of name, or NULL beyond the last one. */
BURIN_API const char* burin_error_fact_name(const burin_error* error, size_t index);
/** Frees; NULL is allowed, as for every burin_*_free. */
BURIN_API void burin_error_free(burin_error* error);
/** Frees a text that the library returned. */
BURIN_API void burin_string_free(char* text);
/** Frees token ids that the library returned. */
BURIN_API void burin_ids_free(int32_t* ids);

/** Where models and backend modules lie; NULL fields mean: nowhere, or for `backend_dir`: beside the library. */
typedef struct burin_environment {
  size_t size;             /**< sizeof(burin_environment) */
  const char* home;        /**< what `~` stands for */
  const char* model_home;  /**< burin's own models: BURIN_MODELS */
  const char* hub_cache;   /**< the Hugging Face cache: HF_HUB_CACHE, HF_HOME/hub or the default place */
  const char* backend_dir; /**< the folder of libburin_mlx.so */
} burin_environment;

/**
 * The folders that the variables of this process name, as the program `burin` reads them. The only function that looks
 * at the process's environment; the others do where they are given NULL for an environment.
 */
BURIN_API burin_status burin_environment_from_process(burin_environment** environment, burin_error** error);
/** Frees what burin_environment_from_process made. */
BURIN_API void burin_environment_free(burin_environment* environment);

/** One model on this machine; its texts live as long as the list. */
typedef struct burin_model {
  size_t size;       /**< sizeof(burin_model) */
  const char* name;  /**< what to load it by */
  const char* path;  /**< its folder */
  const char* hash;  /**< the commit of a cached repository, else empty */
  int32_t is_cached; /**< 1: in the Hugging Face cache */
} burin_model;

/** Every model of the model home and of the Hugging Face cache. */
BURIN_API burin_status burin_models_list(const burin_environment* environment, burin_models** models,
                                         burin_error** error);
/** The one model that `name` means, by the rules of the program; BURIN_NOT_FOUND, BURIN_AMBIGUOUS. */
BURIN_API burin_status burin_models_resolve(const burin_environment* environment, const char* name,
                                            burin_models** models, burin_error** error);
/** How many models the list has. */
BURIN_API size_t burin_models_count(const burin_models* models);
/** Fills `model`, whose size is set, with entry `index`; BURIN_NOT_FOUND beyond the last one. */
BURIN_API burin_status burin_models_get(const burin_models* models, size_t index, burin_model* model);
/** Frees the list. */
BURIN_API void burin_models_free(burin_models* models);

/** What an engine is made with. */
typedef struct burin_engine_options {
  size_t size;                          /**< sizeof(burin_engine_options) */
  const burin_environment* environment; /**< copied; NULL: of the process */
  const char* backend;                  /**< NULL: "mlx" */
  int64_t max_waiting;                  /**< requests that may wait beside the one that runs; more is BURIN_BUSY */
} burin_engine_options;

/** Sets the defaults: the process's environment, MLX, 8 waiting. `size`: sizeof(burin_engine_options). */
BURIN_API void burin_engine_options_init(burin_engine_options* options, size_t size);
/** Makes an engine without a model. `options` may be NULL. */
BURIN_API burin_status burin_engine_new(const burin_engine_options* options, burin_engine** engine,
                                        burin_error** error);
/** Cancels what runs, frees the model, ends the thread. Its generations stay readable. */
BURIN_API void burin_engine_free(burin_engine* engine);

/** Values of burin_load_options.precision. */
enum {
  BURIN_PRECISION_FAST = 0, /**< inputs of quantized matmuls are rounded to int8, outliers to int16 (CPU) */
  BURIN_PRECISION_EXACT = 1 /**< every product in float32 */
};

/** What to load and how. */
typedef struct burin_load_options {
  size_t size;             /**< sizeof(burin_load_options) */
  const char* model;       /**< a name, part of a name, NAME\@REVISION, or a path that begins with / ./ ../ or ~ */
  int32_t precision;       /**< BURIN_PRECISION_FAST */
  int32_t threads;         /**< 0: as many as the process may use */
  const char* draft_model; /**< a smaller model of the same vocabulary, for BURIN_DRAFT_MODEL; NULL: none */
  const char* pack_folder; /**< where packed weights are kept, so that later loads take milliseconds; NULL: nowhere */
  int32_t keep_sequence;   /**< 1: a request that begins as the one before it computes only what is new; 0: all */
  int32_t max_kv_size;     /**< tokens that layers of full attention remember, the first 4 among them; 0: all */
  int32_t kv_bits;         /**< 2 to 6 or 8: keys and values are quantized; 0: they are not */
  int32_t kv_group_size;   /**< dimensions of a head that share a scale then */
  int32_t quantized_kv_start; /**< tokens from which on they are quantized */
  int32_t with_tokenizer;     /**< 0: for token ids alone: no text goes in or comes out */
} burin_load_options;

/** Called with a fraction from 0 to 1; another return than 0 cancels. */
typedef int (*burin_progress_callback)(double fraction, void* user_data);

/** Sets the defaults. `size`: sizeof(burin_load_options). */
BURIN_API void burin_load_options_init(burin_load_options* options, size_t size);
/** Loads a model in place of the engine's present one, whose requests are cancelled. Returns when it is done. */
BURIN_API burin_status burin_engine_load(burin_engine* engine, const burin_load_options* options,
                                         burin_progress_callback on_progress, void* user_data, burin_error** error);
/** Cancels what runs and waits, and frees the model. */
BURIN_API burin_status burin_engine_unload(burin_engine* engine, burin_error** error);
/** 1 when a model is loaded. */
BURIN_API int32_t burin_engine_is_loaded(const burin_engine* engine);
/** Ends what loads, runs, waits, or waits for a retry. */
BURIN_API void burin_engine_cancel(burin_engine* engine);

/** What the loaded model is. */
typedef struct burin_model_facts {
  size_t size;                 /**< sizeof(burin_model_facts) */
  int32_t context_size;        /**< tokens; 0: no limit */
  int32_t vocab_size;          /**< rows of the logits */
  int32_t thread_count;        /**< CPU threads in use */
  uint64_t weight_bytes;       /**< memory of the weights */
  uint64_t kv_bytes_per_token; /**< memory of keys and values for each token */
} burin_model_facts;

/** Fills `facts`, whose size is set; where they are not NULL, `name`, `model_type` and `device` get new texts. */
BURIN_API burin_status burin_engine_facts(const burin_engine* engine, burin_model_facts* facts, char** name,
                                          char** model_type, char** device, burin_error** error);

/** Values of burin_generate_params.format. What cannot be enforced is refused before anything is generated. */
enum {
  BURIN_FORMAT_NONE = 0,        /**< any text */
  BURIN_FORMAT_JSON_SCHEMA = 1, /**< JSON of a schema */
  BURIN_FORMAT_JSON = 2,        /**< any JSON object */
  BURIN_FORMAT_REGEX = 3,       /**< text that a regular expression matches as a whole */
  BURIN_FORMAT_LARK = 4         /**< text of a Lark grammar */
};

/** Values of burin_generate_params.draft: who guesses tokens that the model checks together. The answer is the same. */
enum {
  BURIN_DRAFT_NONE = 0,         /**< nobody */
  BURIN_DRAFT_MODEL = 1,        /**< the draft model that was loaded */
  BURIN_DRAFT_PROMPT_LOOKUP = 2 /**< what followed the newest tokens before: for text that repeats the prompt's */
};

/** How an answer is drawn. Names, defaults and order of application are mlx-lm's. */
typedef struct burin_generate_params {
  size_t size;                     /**< sizeof(burin_generate_params) */
  int32_t max_tokens;              /**< -1: until the model stops or its context is full */
  int32_t top_k;                   /**< draw from this many; 0: all */
  int32_t min_tokens_to_keep;      /**< min_p and xtc leave at least these */
  int32_t repetition_context_size; /**< how many tokens back the penalty looks */
  int32_t presence_context_size;   /**< how many tokens back the penalty looks */
  int32_t frequency_context_size;  /**< how many tokens back the penalty looks */
  int32_t prefill_step_size;       /**< tokens of the prompt computed at a time */
  int32_t has_seed;                /**< 0: the clock decides */
  uint64_t seed;                   /**< the same draws each time */
  double temperature;              /**< 0: the likeliest token each time */
  double top_p;                    /**< draw from the likeliest tokens that together have this probability */
  double min_p;                    /**< drop tokens less likely than this part of the likeliest */
  double xtc_probability;          /**< chance that the top choices of a step are left out */
  double xtc_threshold;            /**< probability from which a token is a top choice */
  double repetition_penalty;       /**< 0: off */
  double presence_penalty;         /**< subtracted once */
  double frequency_penalty;        /**< subtracted for each occurrence */
  const char* const* stop;         /**< the answer ends before any of these texts */
  size_t stop_count;               /**< how many */
  const int32_t* logit_bias_ids;   /**< tokens whose logits are moved */
  const float* logit_bias_values;  /**< by how much */
  size_t logit_bias_count;         /**< how many */
  const char* format_text;         /**< the schema, expression or grammar of `format`; NULL for any JSON object */
  int32_t format;                  /**< BURIN_FORMAT_NONE */
  int32_t draft;                   /**< BURIN_DRAFT_NONE */
  int32_t num_draft_tokens;        /**< how many are guessed at most: 1 to 64 */
  int32_t ignore_eos;              /**< 1: a token that ends answers does not end this one */
} burin_generate_params;

/** Sets the defaults: 256 tokens, temperature 0. `size`: sizeof(burin_generate_params). */
BURIN_API void burin_generate_params_init(burin_generate_params* params, size_t size);

/** One turn of a conversation. */
typedef struct burin_message {
  size_t size;         /**< sizeof(burin_message), the same in all of a list */
  const char* role;    /**< "system", "user", "assistant", or what the template knows */
  const char* content; /**< what was said */
} burin_message;

/** What is asked: exactly one of text, token ids, messages, and messages as JSON. */
typedef struct burin_request {
  size_t size;                         /**< sizeof(burin_request) */
  const char* prompt;                  /**< text to continue; special tokens are added */
  const int32_t* prompt_ids;           /**< tokens to continue, as they are */
  size_t prompt_id_count;              /**< how many */
  const burin_message* messages;       /**< a conversation, for the model's chat template */
  size_t message_count;                /**< how many */
  const char* messages_json;           /**< a JSON array of messages with whatever keys the template knows */
  const char* tools_json;              /**< with messages: a JSON array of tools for the template; NULL: none */
  const char* template_kwargs_json;    /**< with messages: a JSON object of variables for the template; NULL: none */
  const burin_generate_params* params; /**< NULL: the defaults */
} burin_request;

/** Sets all to NULL and 0. `size`: sizeof(burin_request). */
BURIN_API void burin_request_init(burin_request* request, size_t size);

/** Values of finish_reason. */
enum {
  BURIN_FINISH_NONE = 0,     /**< it goes on */
  BURIN_FINISH_STOP = 1,     /**< the model ended it, or a stop text */
  BURIN_FINISH_LENGTH = 2,   /**< max_tokens or the context */
  BURIN_FINISH_CANCELLED = 3 /**< somebody did not want more; what came before is kept */
};

/** One token of an answer. */
typedef struct burin_token {
  size_t size;           /**< sizeof(burin_token) */
  const char* text;      /**< whole characters, may be empty; lives until the generation's next call of the kind */
  size_t text_size;      /**< its bytes: models can write zero bytes */
  int32_t id;            /**< -1: no token, only text that was held back */
  float logprob;         /**< natural logarithm of its probability */
  int32_t finish_reason; /**< BURIN_FINISH_NONE but for the last one */
} burin_token;

/** A whole answer; text and ids live as long as the generation. */
typedef struct burin_result {
  size_t size;                /**< sizeof(burin_result) */
  const char* text;           /**< all of the text */
  size_t text_size;           /**< its bytes */
  const int32_t* ids;         /**< the generated tokens without the one that ended it */
  size_t id_count;            /**< how many */
  int32_t finish_reason;      /**< why it ended */
  int32_t prompt_tokens;      /**< length of the prompt */
  double first_token_ms;      /**< from its turn to the first token */
  double prompt_tokens_per_s; /**< speed of reading the prompt */
  double tokens_per_s;        /**< speed of the tokens after the first one */
  uint64_t cached_tokens;     /**< of the prompt, not computed again */
  int32_t draft_tokens;       /**< tokens that were guessed */
  int32_t accepted_tokens;    /**< and found right */
} burin_result;

/** Called for each token; another return than 0 cancels. */
typedef int (*burin_token_callback)(const burin_token* token, void* user_data);

/** Queues a request and returns at once. What is wrong with it comes from burin_generation_next or _result. */
BURIN_API burin_status burin_engine_start(burin_engine* engine, const burin_request* request,
                                          burin_generation** generation, burin_error** error);
/** The same, but calls `on_token` (may be NULL) for each token and returns at the end. */
BURIN_API burin_status burin_engine_generate(burin_engine* engine, const burin_request* request,
                                             burin_token_callback on_token, void* user_data,
                                             burin_generation** generation, burin_error** error);

/** When to try again. */
typedef struct burin_retry {
  size_t size;               /**< sizeof(burin_retry) */
  int32_t max_retries;       /**< attempts after the first one, up to 100 */
  double base_delay_s;       /**< before the first retry */
  double backoff_multiplier; /**< each later delay is this much longer */
  double max_delay_s;        /**< but never longer than this */
  double jitter;             /**< the delay is drawn from this part above and below */
} burin_retry;

/** Sets the defaults: 3 retries after 0.1, 0.2, 0.4 s. `size`: sizeof(burin_retry). */
BURIN_API void burin_retry_init(burin_retry* retry, size_t size);
/** As burin_engine_generate without a callback, started anew while it fails by a cause that may pass. */
BURIN_API burin_status burin_engine_generate_with_retry(burin_engine* engine, const burin_request* request,
                                                        const burin_retry* retry, burin_generation** generation,
                                                        burin_error** error);

/** Waits for the next token, whose size is set. BURIN_END at the end; an error code when the generation failed. */
BURIN_API burin_status burin_generation_next(burin_generation* generation, burin_token* token, burin_error** error);
/** Waits for the end; fills `result`, whose size is set. Tokens not yet pulled stay to be pulled. */
BURIN_API burin_status burin_generation_result(burin_generation* generation, burin_result* result, burin_error** error);
/** Asks for the end: finish_reason is then BURIN_FINISH_CANCELLED. Also while another thread waits for a token. */
BURIN_API void burin_generation_cancel(burin_generation* generation);
/** Cancels what still runs, and frees. */
BURIN_API void burin_generation_free(burin_generation* generation);

/** Token ids of a text, after the requests before it. */
BURIN_API burin_status burin_engine_tokenize(burin_engine* engine, const char* text, int32_t add_special_tokens,
                                             int32_t** ids, size_t* id_count, burin_error** error);
/** Text of token ids, after the requests before it; a zero byte in it ends it. */
BURIN_API burin_status burin_engine_detokenize(burin_engine* engine, const int32_t* ids, size_t id_count,
                                               int32_t skip_special_tokens, char** text, burin_error** error);
/** The text that the request's messages become in the model's chat template. */
BURIN_API burin_status burin_engine_render_chat(burin_engine* engine, const burin_request* request, char** text,
                                                burin_error** error);

/** Figures of the last generation, then of all since the engine was made. */
typedef struct burin_metrics {
  size_t size;                     /**< sizeof(burin_metrics) */
  double model_load_ms;            /**< time of the last load */
  double last_generation_ms;       /**< from its turn to its end */
  double first_token_ms;           /**< from its turn to the first token */
  double prompt_tokens_per_s;      /**< speed of reading the prompt */
  double tokens_per_s;             /**< speed of the tokens after the first one */
  uint64_t prompt_tokens;          /**< of the last generation */
  uint64_t tokens_generated;       /**< by the last generation */
  uint64_t kv_bytes;               /**< what its keys and values took */
  uint64_t weight_bytes;           /**< of the loaded model */
  uint64_t resident_bytes;         /**< of the process, now; 0: not known on this system */
  uint64_t peak_resident_bytes;    /**< of the process, at most */
  uint64_t total_prompt_tokens;    /**< of all generations */
  uint64_t total_tokens_generated; /**< by all generations */
  uint64_t completed;              /**< generations that ended by themselves */
  uint64_t cancelled;              /**< generations that were cancelled */
  uint64_t failed;                 /**< generations that failed */
  uint64_t retries;                /**< generations started anew */
  uint64_t recoveries;             /**< recoveries tried */
} burin_metrics;

/** Fills `metrics`, whose size is set. Waits for nothing. */
BURIN_API burin_status burin_engine_metrics(const burin_engine* engine, burin_metrics* metrics);

/** Values of burin_health.state. */
enum {
  BURIN_HEALTHY = 0,   /**< nothing failed in the last minute */
  BURIN_DEGRADED = 1,  /**< the engine failed a request in the last minute */
  BURIN_UNHEALTHY = 2, /**< retries are spent, or a recovery failed: recover, or load anew */
  BURIN_RECOVERING = 3 /**< loading again, or recovered but not yet proved by three good requests */
};

/** How the engine is. A caller's mistake or a cancel does not count against it. */
typedef struct burin_health {
  size_t size;            /**< sizeof(burin_health) */
  int32_t state;          /**< BURIN_HEALTHY to BURIN_RECOVERING */
  int32_t recent_errors;  /**< engine errors in the last minute */
  int64_t since_ms;       /**< how long the state has held */
  burin_status last_code; /**< of the newest engine error; BURIN_OK: none since the last load */
} burin_health;

/** Fills `health`, whose size is set; `reason` may be NULL, else it gets a sentence. Waits for nothing. */
BURIN_API burin_status burin_engine_health(const burin_engine* engine, burin_health* health, char** reason);

/**
 * Cancels what runs, loads the same model anew and compares its first step with the one of the first load.
 * BURIN_BUSY with fact "retry_after_s" after three failures within ten minutes.
 */
BURIN_API burin_status burin_engine_attempt_recovery(burin_engine* engine, burin_error** error);

/** Forgets the kept sequence and gives the system back the memory that no request needs, after the requests before
 * it: for an application that goes to sleep. Nothing else changes; the next prompt is computed whole. */
BURIN_API burin_status burin_engine_optimize_performance(burin_engine* engine, burin_error** error);

#ifdef __cplusplus
}
#endif
