// The model manager behind the C interface.
#include <atomic>

#include "api/environment.h"
#include "api/report.h"
#include "base/process.h"
#include "base/system_facts.h"
#include "hub/checked_model.h"
#include "hub/model_types.h"
#include "hub/nearest.h"
#include "hub/remote_model.h"
#include "hub/remove.h"
#include "hub/repair.h"
#include "hub/search.h"

namespace burin::api {
namespace {

burin_hub_options default_hub_options() {
  return {
      .size = sizeof(burin_hub_options), .environment = nullptr, .endpoint = nullptr, .token = nullptr, .offline = 0};
}

burin_pull_options default_pull_options() {
  return {.size = sizeof(burin_pull_options),
          .model = nullptr,
          .revision = nullptr,
          .include = nullptr,
          .include_count = 0,
          .exclude = nullptr,
          .exclude_count = 0,
          .jobs = 8,
          .dry_run = 0,
          .check_all = 0,
          .timeout_s = 0,
          .local_dir = nullptr};
}

/** Where models lie, and how the Hub is asked. */
struct HubView {
  hub::HubPaths paths;
  hub::PullPlace place;
  std::filesystem::path config_dir;
};

HubView view_of(const burin_hub_options* options) {
  const burin_hub_options given =
      options == nullptr ? default_hub_options() : read_struct(options, default_hub_options(), "options");
  hub::Variables variables = process_variables();
  const auto set = [&](const char* variable, const char* value, const char* param) {
    if (value != nullptr) {
      variables[variable] = text_of(value, param);
    }
  };
  set("HF_ENDPOINT", given.endpoint, "endpoint");
  hub::HubSettings settings = hub::hub_settings(variables);
  if (given.token != nullptr) {
    settings.token = text_of(given.token, "token");
    settings.send_token = !settings.token.empty();
  }
  settings.offline = settings.offline || given.offline != 0;
  const hub::HubPaths paths = folders_of(given.environment).hub;
  return {.paths = paths,
          .place = {.hub_cache = paths.hub_cache,
                    .state_dir = hub::xdg_folder(variables, "XDG_STATE_HOME", ".local/state"),
                    .settings = std::move(settings),
                    .retry = {},
                    .user_agent = std::string("burin/") + burin_version()},
          .config_dir = hub::xdg_folder(variables, "XDG_CONFIG_HOME", ".config")};
}

std::vector<std::string> texts_of(const char* const* texts, size_t count, const char* param) {
  std::vector<std::string> copies;
  for (size_t i = 0; i < count; ++i) {
    copies.push_back(text_of(required(texts, param) == nullptr ? nullptr : texts[i], param));
  }
  return copies;
}

hub::PullRequest request_of(const burin_pull_options* options) {
  const burin_pull_options given = read_struct(options, default_pull_options(), "pull");
  if (given.jobs < 1 || given.jobs > 64) {
    throw invalid("jobs", "jobs must be from 1 to 64");
  }
  if (given.timeout_s < 0) {
    throw invalid("timeout_s", "timeout_s must be 0 or more");
  }
  return {.model = text_of(given.model, "model"),
          .revision = given.revision == nullptr ? "" : text_of(given.revision, "revision"),
          .include = texts_of(given.include, given.include_count, "include"),
          .exclude = texts_of(given.exclude, given.exclude_count, "exclude"),
          .jobs = given.jobs,
          .dry_run = given.dry_run != 0,
          .check_all = given.check_all != 0,
          .local_dir = given.local_dir == nullptr ? "" : text_of(given.local_dir, "local_dir"),
          .timeout = std::chrono::seconds(given.timeout_s)};
}

/** Hands a caller's callback what happens, and takes its wish to stop. */
class Progress {
 public:
  Progress(burin_hub_callback callback, void* user_data) : callback_(callback), user_data_(user_data) {}

  void report(burin_hub_progress progress) {
    progress.size = sizeof progress;
    if (callback_ != nullptr && callback_(&progress, user_data_) != 0) {
      cancelled_ = true;
    }
  }
  const std::atomic<bool>& cancelled() const { return cancelled_; }

 private:
  burin_hub_callback callback_;
  void* user_data_;
  std::atomic<bool> cancelled_{false};
};

hub::PullListener listener_of(Progress& progress) {
  return {.on_plan = [](const auto&...) {},
          .on_file = [](const auto&...) {},
          .on_progress =
              [&](const hub::PullProgress& now) {
                progress.report({.size = 0,
                                 .bytes_done = now.bytes_done,
                                 .bytes_total = now.bytes_total,
                                 .files_done = now.files_done,
                                 .files_total = now.files_total,
                                 .bytes_per_s = now.bytes_per_s});
              },
          .on_note = [](const auto&...) {}};
}

burin_check_options default_check_options() {
  return {.size = sizeof(burin_check_options), .model = nullptr, .deep = 0};
}

burin_check_options read_check(const burin_check_options* check) {
  return check == nullptr ? default_check_options() : read_struct(check, default_check_options(), "check");
}

burin_fits_options default_fits_options() {
  return {.size = sizeof(burin_fits_options),
          .model = nullptr,
          .context = 4096,
          .parallel = 1,
          .kv_bits = 16,
          .memory_bytes = 0};
}

hub::HealthOptions health_options(Progress& progress, const burin_check_options& check) {
  return {.depth = check.deep != 0 ? hub::HealthDepth::Hashes : hub::HealthDepth::Headers,
          .on_progress =
              [&](uint64_t done, uint64_t total) {
                progress.report({.size = 0,
                                 .bytes_done = done,
                                 .bytes_total = total,
                                 .files_done = 0,
                                 .files_total = 0,
                                 .bytes_per_s = 0});
              },
          .cancelled = &progress.cancelled()};
}

Json health(const HubView& view, const burin_check_options& check, Progress& progress) {
  const hub::HealthOptions options = health_options(progress, check);
  const hub::RuntimeFacts facts{.supported = hub::supported_model_types(), .memory_bytes = memory_facts().total_bytes};
  std::vector<hub::CheckedModel> checked;
  for (const hub::ResolvedModel& each :
       check.model == nullptr ? hub::all_models(view.paths)
                              : std::vector{hub::resolve_any(text_of(check.model, "model"), view.paths)}) {
    checked.push_back(hub::checked_model(each, hub::check_health(each, options), facts));
  }
  return hub::health_summary(checked, options.depth);
}

Json repair(const HubView& view, const burin_check_options& check, Progress& progress) {
  const hub::ResolvedModel resolved = hub::resolve_any(text_of(check.model, "model"), view.paths);
  const hub::HealthOptions options = health_options(progress, check);
  const hub::HealthReport report = hub::check_health(resolved, options);
  if (report.healthy()) {
    return hub::pull_object({.status = hub::PullStatus::AlreadyExists,
                             .model = resolved.name,
                             .commit = resolved.hash,
                             .snapshot_dir = resolved.dir});
  }
  const hub::PullResult result =
      hub::pull(hub::repair_request(resolved, report), view.place, progress.cancelled(), listener_of(progress));
  const hub::ResolvedModel again = hub::resolve_any(resolved.name, view.paths);
  hub::require_repaired(again, hub::check_health(again, options), result);
  return hub::pull_object(result);
}

Json remove(const HubView& view, const char* model, bool dry_run) {
  const hub::ModelName name = hub::find_model_name(text_of(model, "model"), view.paths);
  if (!name.exact) {
    throw Error(ErrorCode::InvalidArgument, "remove", "that is only a part of the name of " + name.name)
        .type("requires_confirmation")
        .hint("spell the name out");
  }
  const hub::RemovalPlan plan = hub::plan_removal(name, view.paths);
  hub::RemovalResult result{.freed_bytes = plan.freed_bytes};
  if (!dry_run) {
    hub::finish_removals(view.paths);
    result = hub::remove_model(plan, view.paths);
  }
  return hub::removal_object(plan, result, dry_run);
}

Json search(const HubView& view, const char* query, int32_t limit) {
  if (limit < 1 || limit > 500) {
    throw invalid("limit", "limit must be from 1 to 500");
  }
  const std::string text = text_of(query, "query");
  Json models = Json::array();
  if (!view.place.settings.offline) {
    const std::atomic<bool> never{false};
    for (const auto& model :
         hub::search_hub({.query = text, .limit = limit}, hub::client_options(view.place, {}), never)) {
      models.push_back(hub::found_object(model));
    }
    return {{"models", std::move(models)}, {"source", "hub"}};
  }
  for (const auto& model : hub::ModelRegistry::with_user_entries(view.config_dir).search({.query = text})) {
    if (models.size() < static_cast<size_t>(limit)) {
      models.push_back(hub::found_object(model));
    }
  }
  return {{"models", std::move(models)}, {"source", "registry"}};
}

uint64_t memory_or_available(uint64_t memory_bytes) {
  return memory_bytes > 0 ? memory_bytes : available_memory(memory_facts());
}

Json recommend(const HubView& view, const char* use_case, uint64_t memory_bytes) {
  const std::string wanted = hub::lower_ascii(text_of(use_case, "use_case"));
  const uint64_t memory = memory_or_available(memory_bytes);
  Json models = Json::array();
  for (const auto& model : hub::ModelRegistry::with_user_entries(view.config_dir).recommended(wanted, memory)) {
    models.push_back(hub::recommended_object(model, view.paths.hub_cache));
  }
  return {{"use_case", wanted}, {"available_bytes", memory}, {"models", std::move(models)}, {"source", "registry"}};
}

Json fits(const HubView& view, const burin_fits_options* options) {
  const burin_fits_options given = read_struct(options, default_fits_options(), "fits");
  if (given.context < 1 || given.parallel < 1 || !(given.kv_bits >= 2 && given.kv_bits <= 16)) {
    throw invalid("context", "context and parallel must be 1 or more, kv_bits from 2 to 16");
  }
  const hub::MemoryRequest request{.context = given.context, .parallel = given.parallel, .kv_bits = given.kv_bits};
  const std::atomic<bool> never{false};
  const hub::MemorySubject subject =
      hub::find_memory_subject(text_of(given.model, "model"), view.paths, view.place,
                               hub::ModelRegistry::with_user_entries(view.config_dir), never);
  return hub::fit_object(subject, request, hub::fit(subject, request, memory_or_available(given.memory_bytes)));
}

}  // namespace
}  // namespace burin::api

void burin_hub_options_init(burin_hub_options* options, size_t size) {
  burin::api::init_struct(options, size, burin::api::default_hub_options());
}

void burin_check_options_init(burin_check_options* options, size_t size) {
  burin::api::init_struct(options, size, burin::api::default_check_options());
}

void burin_fits_options_init(burin_fits_options* options, size_t size) {
  burin::api::init_struct(options, size, burin::api::default_fits_options());
}

void burin_pull_options_init(burin_pull_options* options, size_t size) {
  burin::api::init_struct(options, size, burin::api::default_pull_options());
}

burin_status burin_hub_pull(const burin_hub_options* options, const burin_pull_options* pull,
                            burin_hub_callback on_progress, void* user_data, burin_report** report,
                            burin_error** error) {
  using namespace burin::api;
  return reported(report, error, [&] {
    Progress progress(on_progress, user_data);
    return burin::hub::pull_object(
        burin::hub::pull(request_of(pull), view_of(options).place, progress.cancelled(), listener_of(progress)));
  });
}

burin_status burin_hub_health(const burin_hub_options* options, const burin_check_options* check,
                              burin_hub_callback on_progress, void* user_data, burin_report** report,
                              burin_error** error) {
  using namespace burin::api;
  return reported(report, error, [&] {
    Progress progress(on_progress, user_data);
    return health(view_of(options), read_check(check), progress);
  });
}

burin_status burin_hub_repair(const burin_hub_options* options, const burin_check_options* check,
                              burin_hub_callback on_progress, void* user_data, burin_report** report,
                              burin_error** error) {
  using namespace burin::api;
  return reported(report, error, [&] {
    Progress progress(on_progress, user_data);
    return repair(view_of(options), read_check(check), progress);
  });
}

burin_status burin_hub_remove(const burin_hub_options* options, const char* model, int32_t dry_run,
                              burin_report** report, burin_error** error) {
  using namespace burin::api;
  return reported(report, error, [&] { return burin::api::remove(view_of(options), model, dry_run != 0); });
}

burin_status burin_hub_search(const burin_hub_options* options, const char* query, int32_t limit, burin_report** report,
                              burin_error** error) {
  using namespace burin::api;
  return reported(report, error, [&] { return search(view_of(options), query, limit); });
}

burin_status burin_hub_recommend(const burin_hub_options* options, const char* use_case, uint64_t memory_bytes,
                                 burin_report** report, burin_error** error) {
  using namespace burin::api;
  return reported(report, error, [&] { return recommend(view_of(options), use_case, memory_bytes); });
}

burin_status burin_hub_fits(const burin_hub_options* options, const burin_fits_options* fits, burin_report** report,
                            burin_error** error) {
  return burin::api::reported(report, error, [&] { return burin::api::fits(burin::api::view_of(options), fits); });
}
