#include "hub/pull.h"

#include <algorithm>
#include <iterator>
#include <memory>
#include <set>

#include <fmt/format.h>

#include "base/json.h"
#include "base/system_facts.h"
#include "hub/cache.h"
#include "hub/cache_writer.h"
#include "hub/deadline.h"
#include "hub/download.h"
#include "hub/local_dir.h"
#include "hub/patterns.h"
#include "hub/pull_files.h"

namespace burin::hub {
namespace {

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
  bool is_local() const { return !request.local_dir.empty(); }
  std::unique_ptr<PullTarget> target() const {
    if (is_local()) {
      return std::make_unique<LocalDir>(std::filesystem::absolute(request.local_dir), result.commit, cache(), cancel);
    }
    return std::make_unique<CacheWriter>(cache());
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
  if (!request.local_dir.empty()) {
    check_local_dir(request.local_dir, place.hub_cache);
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

/** The first of the names that the Hub knows. */
void resolve(Pull& pull, HubClient& client) {
  const std::vector<std::string> names = hub_names(pull.request.model, pull.place.hub_cache);
  for (const std::string& name : names) {
    try {
      take_name(pull, name);
      const ResolvedRevision resolved = client.resolve_revision(name, pull.result.revision);
      pull.result.commit = resolved.commit;
      pull.restricted = resolved.restricted;
      const auto known = pull.target()->read_tree();
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

void plan_file(Pull& pull, const PullTarget& target, const RepoFile& file) {
  const std::string& etag = file.etag();
  const uint64_t size = file.content_size();
  const auto is_right = [&](const std::filesystem::path& path) {
    return !pull.request.check_all || file_has_hash(path, etag, pull.cancel);
  };
  const bool here = target.has_file(file);
  PulledFile planned{.path = file.path, .size = size, .etag = etag};
  planned.was_cached = here && is_right(target.snapshot_dir() / file.path);
  if (!planned.was_cached) {
    const auto content = target.content(file);
    const bool usable = content && is_right(*content);
    planned.at_hand = usable ? size : resumable_bytes({target.blobs_dir(), pull.place.state_dir, etag, size});
    planned.to_fetch = !usable;
    pull.wanted.push_back({.file = file, .fetch = !usable, .replace = here || (content && !usable)});
  }
  pull.result.bytes_total += size;
  pull.result.bytes_missing += planned.missing();
  pull.result.files.push_back(std::move(planned));
}

/** What a person put into the folder is not replaced unasked. */
void check_foreign(const Pull& pull, const PullTarget& target) {
  for (const WantedFile& wanted : pull.wanted) {
    if (!pull.request.check_all && target.is_foreign(wanted.file)) {
      throw Error(
          ErrorCode::InvalidArgument, "pull",
          fmt::format("the folder has another {}, which no pull brought or which was changed since", wanted.file.path))
          .type("local_changes")
          .fact("file", wanted.file.path)
          .hint("move it away, leave it out with --exclude, or replace what differs with --force-resume");
    }
  }
}

void plan(Pull& pull) {
  check_repo_paths(pull.listed, kFoldCase);
  const auto target = pull.target();
  std::vector<RepoFile> selected;
  std::ranges::copy_if(pull.listed, std::back_inserter(selected), [&](const RepoFile& file) {
    return is_selected(file.path, pull.request.include, pull.request.exclude);
  });
  if (pull.is_local()) {
    check_local_paths(selected);
  }
  for (const RepoFile& file : selected) {
    plan_file(pull, *target, file);
  }
  check_foreign(pull, *target);
  if (selected.empty() && !pull.listed.empty()) {
    throw Error(ErrorCode::NotFound, "pull",
                fmt::format("none of the {} files of \"{}\" is meant by --include and --exclude", pull.listed.size(),
                            pull.result.model))
        .type("no_match")
        .hint("* stands for any text, slashes too; --include '*.json' takes all JSON files");
  }
}

void check_space(const Pull& pull, const PullTarget& target) {
  // A folder of plain files takes copies of what the cache has.
  uint64_t needed = 0;
  for (const WantedFile& wanted : pull.wanted) {
    needed += wanted.fetch || pull.is_local() ? wanted.file.content_size() : 0;
  }
  check_disk_space(existing_folder(target.snapshot_dir()), needed);
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
void note_commit(Pull& pull, PullTarget& target) {
  try {
    target.open();
    if (pull.listing_is_new) {
      target.write_tree(pull.listed);
    }
    target.write_ref();
  } catch (const Error& error) {
    pull.result.note = "the cache cannot be written: " + error.message();
  }
}

/** Files whose content another one brings already: where nothing but files is kept, they are copied from that one. */
std::vector<WantedFile> take_repeated(std::vector<WantedFile>& wanted) {
  std::set<std::string> etags;
  std::vector<WantedFile> repeated;
  std::erase_if(wanted, [&](const WantedFile& each) {
    const bool again = each.fetch && !etags.insert(each.file.etag()).second;
    if (again) {
      repeated.push_back({.file = each.file, .fetch = false, .replace = each.replace});
    }
    return again;
  });
  return repeated;
}

void fetch(Pull& pull) {
  const auto target = pull.target();
  pull.result.snapshot_dir = target->snapshot_dir();
  pull.result.status = pull.wanted.empty() ? PullStatus::AlreadyExists : PullStatus::Success;
  if (pull.wanted.empty() && !pull.listed.empty()) {
    note_commit(pull, *target);
    return;
  }
  check_space(pull, *target);
  const PullFiles context{.repo = pull.result.model,
                          .commit = pull.result.commit,
                          .state_dir = pull.place.state_dir,
                          .client = pull.options,
                          .jobs = pull.request.jobs};
  check_access(pull, context);
  target->open();
  const std::vector<WantedFile> repeated = pull.is_local() ? take_repeated(pull.wanted) : std::vector<WantedFile>();
  pull.result.bytes_downloaded = pull_files(*target, context, pull.wanted, pull.cancel, pull.listener);
  if (!repeated.empty()) {
    pull.result.bytes_downloaded += pull_files(*target, context, repeated, pull.cancel, pull.listener);
  }
  target->write_tree(pull.listed);
  target->write_ref();
}

/** The plain files of a folder from the cache alone. */
void copy_cached(Pull& pull) {
  const auto tree = pull.cache().read_tree();
  if (!tree) {
    throw Error(ErrorCode::NotFound, "pull",
                fmt::format("the cache has no listing of \"{}\" to copy by", pull.result.model))
        .type("not_cached")
        .hint("`burin clone` copies a cached model");
  }
  pull.listed = *tree;
  pull.listing_is_new = true;
  pull.result.files.clear();
  pull.result.bytes_total = 0;
  plan(pull);
  fetch(pull);
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
      if (pull.is_local()) {
        copy_cached(pull);
      }
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
    pull.options.reached = true;
    return true;
  } catch (const Error& error) {
    if (!fallback || !is_unreachable(error) || pull.request.dry_run) {
      throw;
    }
    pull.result.note = error.message();
    return false;
  }
}

PullResult pull_until(const PullRequest& request, const PullPlace& place, const std::atomic<bool>& cancel,
                      const PullListener& listener) {
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

}  // namespace

PullResult pull(const PullRequest& request, const PullPlace& place, const std::atomic<bool>& cancel,
                const PullListener& listener) {
  check_request(request, place);
  const Deadline deadline(cancel, request.timeout);
  try {
    return pull_until(request, place, deadline.flag(), listener);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::Cancelled || !deadline.is_over() || cancel) {
      throw;
    }
    throw Error(ErrorCode::Network, "pull",
                fmt::format("not whole within {} s; what came so far is kept",
                            std::chrono::ceil<std::chrono::seconds>(request.timeout).count()))
        .type("pull_timeout")
        .hint("run the command again: it goes on where it was");
  }
}

}  // namespace burin::hub
