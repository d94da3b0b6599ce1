// What a pull asks for and what it reports, in the forms that others take.
#include <array>

#include "hub/cache.h"
#include "hub/pull.h"
#include "hub/runtime_check.h"

namespace burin::hub {

constexpr std::string_view kDefaultOwner = "mlx-community/";

std::vector<std::string> hub_names(const std::string& model, const std::filesystem::path& hub_cache) {
  if (model.find('/') != model.npos) {
    return {model};
  }
  std::string expanded = std::string(kDefaultOwner) + model;
  return find_repo(hub_cache, model) ? std::vector{model, expanded} : std::vector{expanded, model};
}

ClientOptions client_options(const PullPlace& place, std::function<void(const std::string&)> on_retry) {
  return {.settings = place.settings,
          .token = find_token(place.settings),
          .retry = place.retry,
          .user_agent = place.user_agent,
          .on_retry = std::move(on_retry)};
}

Json pull_object(const PullResult& result) {
  static constexpr std::array<std::string_view, 3> kStatus{"success", "already_exists", "dry_run"};
  Json files = Json::array();
  for (const PulledFile& file : result.files) {
    files.push_back({{"name", file.path}, {"size_bytes", file.size}, {"cached", file.was_cached}});
  }
  return {{"model", result.model},
          {"download_status", kStatus[static_cast<size_t>(result.status)]},
          {"expanded_name", null_when_empty(result.expanded_name)},
          {"commit_hash", result.commit},
          {"revision", result.revision},
          {"path", result.snapshot_dir.string()},
          {"files", std::move(files)},
          {"bytes_downloaded", result.bytes_downloaded},
          {"bytes_total", result.bytes_total},
          {"bytes_missing", result.bytes_missing},
          {"note", null_when_empty(result.note)}};
}

}  // namespace burin::hub
