#include "hub/pull.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/json.h"
#include "hub/cache.h"
#include "hub/cache_writer.h"
#include "hub/download.h"
#include "hub/patterns.h"
#include "hub/pull_files.h"
#include "hub/runtime_check.h"

namespace burin::hub {
namespace {

constexpr std::string_view kDefaultOwner = "mlx-community/";
#ifdef __APPLE__
constexpr bool kFoldCase = true;
#else
constexpr bool kFoldCase = false;
#endif

/** One pull on its way: what is asked for, and what is known so far. */
struct Pull {
  const PullRequest& request;
  const PullPlace& place;
  const std::atomic<bool>& cancel;
  const PullListener& listener;
  ClientOptions options;
  PullResult result;
  std::vector<RepoFile> listed;
  std::vector<WantedFile> wanted;
  bool listing_is_new = false;
  bool restricted = true;

  bool offline() const { return request.offline || place.settings.offline; }
  CacheWriter cache() const {
    return CacheWriter({.hub_cache = place.hub_cache,
                        .repo = result.model,
                        .commit = result.commit,
                        .revision = result.revision,
                        .symlinks = place.settings.symlinks});
  }
};

void check_request(const PullRequest& request, const PullPlace& place) {
  if (!is_repo_name(request.model)) {
    throw Error(ErrorCode::InvalidArgument, "pull",
                fmt::format("\"{:.200}\" cannot name a model of the Hub", request.model))
        .hint("a model is called NAMESPACE/NAME, as in mlx-community/Qwen3-0.6B-4bit");
  }
  if (!request.revision.empty()) {
    check_revision(request.revision);
  }
  if (place.hub_cache.empty()) {
    throw Error(ErrorCode::InvalidArgument, "pull", "there is no folder for the cache")
        .hint("set HF_HUB_CACHE, HF_HOME or HOME");
  }
}

void take_name(Pull& pull, const std::string& name) {
  pull.result.model = name;
  pull.result.expanded_name = name == pull.request.model ? "" : name;
}

/** The commit that the cache knows for the revision, where its snapshot is there. */
std::optional<std::string> cached_commit(const Pull& pull, const std::string& name) {
  const std::string& revision = pull.result.revision;
  const auto repo = find_repo(pull.place.hub_cache, name);
  if (!repo) {
    return std::nullopt;
  }
  const auto ref = repo->refs.find(revision);
  const std::string commit = is_commit_hash(revision) ? revision : ref == repo->refs.end() ? "" : ref->second;
  const bool there = std::ranges::find(repo->snapshots, commit) != repo->snapshots.end();
  return there ? std::optional(commit) : std::nullopt;
}

/** Files wanted of the snapshot that is cached; without a listing the snapshot is all there is to know. */
void plan_cached(Pull& pull) {
  const CacheWriter cache = pull.cache();
  std::vector<std::string> missing;
  for (const RepoFile& file : cache.read_tree().value_or(std::vector<RepoFile>())) {
    if (!is_selected(file.path, pull.request.include, pull.request.exclude)) {
      continue;
    }
    pull.result.files.push_back(
        {.path = file.path, .size = file.content_size(), .etag = file.etag(), .was_cached = true});
    pull.result.bytes_total += file.content_size();
    if (!cache.has_file(file)) {
      missing.push_back(file.path);
    }
  }
  if (!missing.empty()) {
    throw Error(ErrorCode::Network, "pull",
                fmt::format("{} of the files of \"{}\" are not here, {} among them", missing.size(), pull.result.model,
                            missing.front()))
        .type("incomplete_snapshot")
        .fact("missing", dump_json(missing))
        .hint("run the command again with the network at hand");
  }
}

/** Offline: what is cached and complete, or an error. */
PullResult from_cache(Pull& pull, const std::string& note) {
  for (const std::string& name : hub_names(pull.request.model, pull.place.hub_cache)) {
    if (const auto commit = cached_commit(pull, name)) {
      take_name(pull, name);
      pull.result.commit = *commit;
      plan_cached(pull);
      pull.result.status = PullStatus::AlreadyExists;
      pull.result.snapshot_dir = pull.cache().snapshot_dir();
      pull.result.note = note;
      return pull.result;
    }
  }
  throw Error(ErrorCode::NotFound, "pull",
              fmt::format("\"{}\"{} is not in the cache, and the Hub may not be asked", pull.request.model,
                          pull.request.revision.empty() ? "" : " at revision " + pull.request.revision))
      .type("not_cached")
      .hint("without --offline and HF_HUB_OFFLINE it can be fetched");
}

/** The first of the names that the Hub knows. */
void resolve(Pull& pull, HubClient& client) {
  const std::vector<std::string> names = hub_names(pull.request.model, pull.place.hub_cache);
  for (const std::string& name : names) {
    try {
      take_name(pull, name);
      const ResolvedRevision resolved = client.resolve_revision(name, pull.result.revision);
      pull.result.commit = resolved.commit;
      pull.restricted = resolved.restricted;
      const auto known = pull.cache().read_tree();
      pull.listed = known ? *known : client.list_files(name, pull.result.commit);
      pull.listing_is_new = !known;
      return;
    } catch (const Error& error) {
      if (!is_missing_repo(error) || name == names.back()) {
        throw;
      }
    }
  }
}

void plan_file(Pull& pull, const CacheWriter& cache, const RepoFile& file) {
  const std::string& etag = file.etag();
  const uint64_t size = file.content_size();
  const auto is_right = [&](const std::filesystem::path& path) {
    return !pull.request.check_all || file_has_hash(path, etag);
  };
  const bool here = cache.has_file(file);
  const bool right = here && is_right(cache.snapshot_dir() / file.path);
  pull.result.bytes_total += size;
  pull.result.files.push_back({.path = file.path, .size = size, .etag = etag, .was_cached = right});
  if (!right) {
    const bool blob = cache.has_blob(etag, size);
    const bool usable = blob && is_right(cache.blobs_dir() / etag);
    pull.wanted.push_back({.file = file, .fetch = !usable, .replace = here || (blob && !usable)});
  }
}

void plan(Pull& pull) {
  check_repo_paths(pull.listed, kFoldCase);
  const CacheWriter cache = pull.cache();
  for (const RepoFile& file : pull.listed) {
    if (is_selected(file.path, pull.request.include, pull.request.exclude)) {
      plan_file(pull, cache, file);
    }
  }
  if (pull.result.files.empty() && !pull.listed.empty()) {
    throw Error(ErrorCode::NotFound, "pull",
                fmt::format("none of the {} files of \"{}\" is meant by --include and --exclude", pull.listed.size(),
                            pull.result.model))
        .type("no_match")
        .hint("* stands for any text, slashes too; --include '*.json' takes all JSON files");
  }
}

/** The folder that exists already of those that will hold the files. */
std::filesystem::path existing_folder(std::filesystem::path path) {
  std::error_code ignored;
  while (!std::filesystem::exists(path, ignored) && path.has_relative_path()) {
    path = path.parent_path();
  }
  return path;
}

void check_space(const Pull& pull) {
  uint64_t needed = 0;
  for (const WantedFile& wanted : pull.wanted) {
    needed += wanted.fetch ? wanted.file.content_size() : 0;
  }
  check_disk_space(existing_folder(pull.place.hub_cache), needed);
}

/** Before anything is written: of a gated repository anybody may see the listing. */
void check_access(const Pull& pull, const PullFiles& context) {
  const auto file = std::ranges::find_if(pull.wanted, &WantedFile::fetch);
  if (pull.restricted && file != pull.wanted.end()) {
    HubClient client(pull.options, pull.cancel);
    (void)client.file_facts(subject_of(context, file->file));
  }
}

/** Listing and ref of a snapshot that is complete: worth a try, but the files serve without. */
void note_commit(Pull& pull, CacheWriter& cache) {
  try {
    cache.open();
    if (pull.listing_is_new) {
      cache.write_tree(pull.listed);
    }
    cache.write_ref();
  } catch (const Error& error) {
    pull.result.note = "the cache cannot be written: " + error.message();
  }
}

void fetch(Pull& pull) {
  CacheWriter cache = pull.cache();
  pull.result.snapshot_dir = cache.snapshot_dir();
  pull.result.status = pull.wanted.empty() ? PullStatus::AlreadyExists : PullStatus::Success;
  if (pull.wanted.empty() && !pull.listed.empty()) {
    note_commit(pull, cache);
    return;
  }
  check_space(pull);
  const PullFiles context{.repo = pull.result.model,
                          .commit = pull.result.commit,
                          .state_dir = pull.place.state_dir,
                          .client = pull.options,
                          .jobs = pull.request.jobs};
  check_access(pull, context);
  cache.open();
  pull.result.bytes_downloaded = pull_files(cache, context, pull.wanted, pull.cancel, pull.listener);
  cache.write_tree(pull.listed);
  cache.write_ref();
}

/** True when the Hub was asked; false when it was out of reach and the cache has what is wanted. */
bool ask_hub(Pull& pull) {
  // With something to fall back to, a Hub out of reach is not waited for.
  const auto names = hub_names(pull.request.model, pull.place.hub_cache);
  const bool fallback =
      std::ranges::any_of(names, [&](const auto& name) { return cached_commit(pull, name).has_value(); });
  ClientOptions options = pull.options;
  options.retry.retries = fallback ? 0 : options.retry.retries;
  try {
    HubClient client(options, pull.cancel);
    resolve(pull, client);
    return true;
  } catch (const Error& error) {
    if (!fallback || !is_unreachable(error) || pull.request.dry_run) {
      throw;
    }
    pull.result.note = error.message();
    return false;
  }
}

}  // namespace

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

PullResult pull(const PullRequest& request, const PullPlace& place, const std::atomic<bool>& cancel,
                const PullListener& listener) {
  check_request(request, place);
  Pull pull{.request = request,
            .place = place,
            .cancel = cancel,
            .listener = listener,
            .options = client_options(place, listener.on_note),
            .result = {},
            .listed = {},
            .wanted = {}};
  pull.result.revision = request.revision.empty() ? "main" : request.revision;
  if (pull.offline()) {
    return from_cache(pull, "offline: the Hub was not asked");
  }
  if (!ask_hub(pull)) {
    const std::string why = pull.result.note;
    return from_cache(pull, "the Hub was not reached (" + why + "); this is what is cached");
  }
  plan(pull);
  listener.on_plan(pull.result.model, pull.result.commit, pull.result.files);
  if (request.dry_run) {
    pull.result.status = PullStatus::Planned;
    return pull.result;
  }
  fetch(pull);
  return pull.result;
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
          {"note", null_when_empty(result.note)}};
}

}  // namespace burin::hub
