// The model manager behind the C interface.
#include <atomic>

#include "api/environment.h"
#include "api/report.h"
#include "base/process.h"
#include "hub/pull.h"

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
          .check_all = 0};
}

hub::PullPlace place_of(const burin_hub_options* options) {
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
  return {.hub_cache = folders_of(given.environment).hub.hub_cache,
          .state_dir = hub::xdg_folder(variables, "XDG_STATE_HOME", ".local/state"),
          .settings = std::move(settings),
          .retry = {},
          .user_agent = std::string("burin/") + burin_version()};
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
  return {.model = text_of(given.model, "model"),
          .revision = given.revision == nullptr ? "" : text_of(given.revision, "revision"),
          .include = texts_of(given.include, given.include_count, "include"),
          .exclude = texts_of(given.exclude, given.exclude_count, "exclude"),
          .jobs = given.jobs,
          .dry_run = given.dry_run != 0,
          .check_all = given.check_all != 0};
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

}  // namespace
}  // namespace burin::api

void burin_hub_options_init(burin_hub_options* options, size_t size) {
  burin::api::init_struct(options, size, burin::api::default_hub_options());
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
        burin::hub::pull(request_of(pull), place_of(options), progress.cancelled(), listener_of(progress)));
  });
}
