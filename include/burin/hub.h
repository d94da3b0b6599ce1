/// @file
/// The model manager for applications: fetching, checking, searching and removing models in the Hugging Face cache.
/// Every function may be called from any thread and needs no Engine.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "burin/burin_hub.h"
#include "burin/detail/border.h"
#include "burin/models.h"
#include "burin/types.h"

namespace burin {

/** What a function of this header found out: the program's JSON of the same command, read whole or by JSON pointer. */
class Report {
 public:
  /// @cond INTERNAL
  explicit Report(burin_report* raw) : raw_(raw) {}
  /// @endcond

  /** All of it as JSON text. */
  std::string json() const { return burin_report_json(raw_.get()); }
  /** The text at a pointer such as "/files/0/name"; empty where there is none. */
  std::string text(const std::string& pointer) const {
    const char* found = burin_report_text(raw_.get(), pointer.c_str());
    return found == nullptr ? "" : found;
  }
  /** The number at a pointer, or `fallback`; truth values are 0 and 1. */
  double number(const std::string& pointer, double fallback = 0.0) const {
    return burin_report_number(raw_.get(), pointer.c_str(), fallback);
  }
  /** Elements of the list, or members of the object, at a pointer. */
  size_t count(const std::string& pointer) const { return burin_report_count(raw_.get(), pointer.c_str()); }

 private:
  std::unique_ptr<burin_report, detail::Freer<burin_report_free>> raw_;
};

/** Where models lie and which Hub is asked. */
struct HubOptions {
  Environment environment = Environment::from_process();  ///< where models are looked for and brought to
  std::string endpoint{};                                 ///< empty: HF_ENDPOINT, else the Hugging Face Hub
  std::optional<std::string> token{};                     ///< none: HF_TOKEN or the token file; empty: none is sent
  bool offline = false;                                   ///< no network, besides what HF_HUB_OFFLINE says
};

/** What to fetch of a model. */
struct PullOptions {
  std::string revision{};              ///< branch, tag, refs/pr/N or commit; empty: main
  std::vector<std::string> include{};  ///< only files that match one of these patterns; empty: all
  std::vector<std::string> exclude{};  ///< no files that match one of these
  int jobs = 8;                        ///< files at a time
  bool dry_run = false;                ///< writes nothing, reports what would be fetched
  bool check_all = false;              ///< hashes what is cached too, and fetches again what differs
  int timeout_s = 0;                   ///< seconds for all of it; 0: no limit but those on silence
  std::string local_dir{};             ///< plain files into this folder instead of into the cache; empty: none
};

/** A moment of a download, or of a check (which counts bytes only). */
struct HubProgress {
  uint64_t bytes_done = 0;   ///< of bytes_total
  uint64_t bytes_total = 0;  ///< to fetch or to hash
  uint64_t files_done = 0;   ///< of files_total
  uint64_t files_total = 0;  ///< to fetch
  double bytes_per_s = 0.0;  ///< over the last seconds
};

/** Called some times a second on the calling thread; false cancels. */
using HubCallback = std::function<bool(const HubProgress& progress)>;

/// @cond INTERNAL
namespace detail {

class HubView {
 public:
  explicit HubView(const HubOptions& options) : environment_(options.environment) {
    burin_hub_options_init(&view_, sizeof view_);
    view_.environment = environment_.get();
    view_.endpoint = c_text_or_null(options.endpoint, "endpoint");
    view_.token = options.token ? c_text(*options.token, "token") : nullptr;
    view_.offline = options.offline ? 1 : 0;
  }
  HubView(const HubView&) = delete;
  HubView& operator=(const HubView&) = delete;

  const burin_hub_options* get() const noexcept { return &view_; }

 private:
  EnvironmentView environment_;
  burin_hub_options view_{};
};

inline int hub_progress(const burin_hub_progress* progress, void* user_data) {
  const HubProgress now{progress->bytes_done, progress->bytes_total, progress->files_done, progress->files_total,
                        progress->bytes_per_s};
  return (*static_cast<Guarded<HubCallback>*>(user_data))(now);
}

/** Runs `call(callback, user_data, report, error)`. Throws: its failure, or what the callback threw. */
template <class Call>
Report hub_report(const HubCallback& on_progress, Call&& call) {
  Guarded<HubCallback> guarded{on_progress, nullptr};
  burin_report* raw = nullptr;
  try {
    checked([&](burin_error** error) { return call(on_progress ? hub_progress : nullptr, &guarded, &raw, error); });
  } catch (const Error&) {
    if (guarded.failure) {
      std::rethrow_exception(guarded.failure);
    }
    throw;
  }
  return Report(raw);
}

inline std::vector<const char*> c_texts(const std::vector<std::string>& texts, const char* param) {
  std::vector<const char*> pointers;
  for (const std::string& text : texts) {
    pointers.push_back(c_text(text, param));
  }
  return pointers;
}

}  // namespace detail
/// @endcond

/**
 * Brings a model into the cache, or goes on where an earlier call was cut off: {model, download_status, commit_hash,
 * path, files, bytes_downloaded, bytes_total, ..}. Throws: NotFound, Permission, Network, Corrupt, ResourceExhausted,
 * Cancelled, InvalidArgument, Unsupported.
 */
inline Report pull(const std::string& model, const PullOptions& options = {}, const HubOptions& hub = {},
                   const HubCallback& on_progress = nullptr) {
  const detail::HubView view(hub);
  const auto include = detail::c_texts(options.include, "include");
  const auto exclude = detail::c_texts(options.exclude, "exclude");
  burin_pull_options given;
  burin_pull_options_init(&given, sizeof given);
  given.model = detail::c_text(model, "model");
  given.revision = detail::c_text_or_null(options.revision, "revision");
  given.include = include.data();
  given.include_count = include.size();
  given.exclude = exclude.data();
  given.exclude_count = exclude.size();
  given.jobs = options.jobs;
  given.dry_run = options.dry_run ? 1 : 0;
  given.check_all = options.check_all ? 1 : 0;
  given.timeout_s = options.timeout_s;
  given.local_dir = detail::c_text_or_null(options.local_dir, "local_dir");
  return detail::hub_report(on_progress, [&](auto callback, void* data, burin_report** report, burin_error** error) {
    return burin_hub_pull(view.get(), &given, callback, data, report, error);
  });
}

/** Checks one model, or all where `model` is empty: {healthy, unhealthy, summary}; `deep` hashes every byte. */
inline Report health(const std::string& model = "", bool deep = false, const HubOptions& hub = {},
                     const HubCallback& on_progress = nullptr) {
  const detail::HubView view(hub);
  const burin_check_options check{sizeof check, detail::c_text_or_null(model, "model"), deep ? 1 : 0};
  return detail::hub_report(on_progress, [&](auto callback, void* data, burin_report** report, burin_error** error) {
    return burin_hub_health(view.get(), &check, callback, data, report, error);
  });
}

/** Fetches what is missing or damaged in a model, and no more; the report is that of pull. */
inline Report repair(const std::string& model, bool deep = true, const HubOptions& hub = {},
                     const HubCallback& on_progress = nullptr) {
  const detail::HubView view(hub);
  const burin_check_options check{sizeof check, detail::c_text(model, "model"), deep ? 1 : 0};
  return detail::hub_report(on_progress, [&](auto callback, void* data, burin_report** report, burin_error** error) {
    return burin_hub_repair(view.get(), &check, callback, data, report, error);
  });
}

/** Removes a model by its whole name, or one revision as NAME\@REVISION. Throws: Busy while another process fetches it.
 */
inline Report remove_model(const std::string& model, bool dry_run = false, const HubOptions& hub = {}) {
  const detail::HubView view(hub);
  return detail::hub_report(nullptr, [&](auto, void*, burin_report** report, burin_error** error) {
    return burin_hub_remove(view.get(), detail::c_text(model, "model"), dry_run ? 1 : 0, report, error);
  });
}

/** Whether a model runs with a context in so much memory (0: what is available), here or only on the Hub. */
inline Report fits(const std::string& model, int64_t context, int64_t parallel = 1, uint64_t memory_bytes = 0,
                   const HubOptions& hub = {}) {
  const detail::HubView view(hub);
  burin_fits_options given;
  burin_fits_options_init(&given, sizeof given);
  given.model = detail::c_text(model, "model");
  given.context = context;
  given.parallel = parallel;
  given.memory_bytes = memory_bytes;
  return detail::hub_report(nullptr, [&](auto, void*, burin_report** report, burin_error** error) {
    return burin_hub_fits(view.get(), &given, report, error);
  });
}

/** What to look for. */
struct SearchCriteria {
  std::string query{};  ///< words of a model's name
  int limit = 20;       ///< how many at most
};

/** What a model is for: "chat", "coding", "embedding", "reasoning", .., as the registry's entries name it. */
using UseCase = std::string;

/** Models to choose from. */
struct ModelRegistry {
  /** On the Hub, or offline among those that burin knows: {models, source}. */
  static Report search(const SearchCriteria& criteria, const HubOptions& hub = {}) {
    const detail::HubView view(hub);
    return detail::hub_report(nullptr, [&](auto, void*, burin_report** report, burin_error** error) {
      return burin_hub_search(view.get(), detail::c_text(criteria.query, "query"), criteria.limit, report, error);
    });
  }

  /** Known ones that run in so much memory (0: what is available now), the most able first. */
  static Report recommended(const UseCase& use_case, uint64_t memory_bytes = 0, const HubOptions& hub = {}) {
    const detail::HubView view(hub);
    return detail::hub_report(nullptr, [&](auto, void*, burin_report** report, burin_error** error) {
      return burin_hub_recommend(view.get(), detail::c_text(use_case, "use_case"), memory_bytes, report, error);
    });
  }
};

}  // namespace burin
