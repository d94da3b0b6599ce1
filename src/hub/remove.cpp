#include "hub/remove.h"

#include <algorithm>
#include <iterator>
#include <set>

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "hub/cache.h"
#include "hub/lock_state.h"
#include "hub/repo_blobs.h"
#include "hub/shared_store.h"
#include "hub/snapshot_facts.h"
#include "hub/trash.h"

namespace burin::hub {
namespace {

namespace fs = std::filesystem;

// Inside a trash folder: a whole repo, or what one revision of a repo had.
constexpr const char* kWhole = "whole";
constexpr const char* kRevision = "revision";

std::vector<fs::path> entries_or_none(const fs::path& folder) {
  try {
    return entries_of(folder);
  } catch (const Error&) {
    return {};
  }
}

std::set<std::string> blobs_of(const fs::path& repo) {
  std::set<std::string> names;
  for (const fs::path& blob : entries_or_none(repo / "blobs")) {
    names.insert(blob.filename().string());
  }
  return names;
}

Error busy(const std::string& name, const std::vector<std::string>& held, const LockHolder& holder) {
  return Error(ErrorCode::Busy, "rm", fmt::format("{} is being downloaded by {}", name, describe(holder)))
      .type("locks_present")
      .fact("lock_files", dump_json(Json(held)))
      .hint("end the download or wait for it, then try again");
}

/** Every lock of a repo, taken; nothing to take is fine. Throws: Busy. */
std::vector<HeldLock> take_locks(const RemovalPlan& plan) {
  std::vector<fs::path> files = entries_or_none(locks_of(plan.dir));
  std::ranges::copy_if(entries_or_none(plan.dir / "blobs"), std::back_inserter(files),
                       [](const fs::path& file) { return file.extension() == ".incomplete"; });
  std::vector<HeldLock> locks;
  std::vector<std::string> held;
  LockHolder first;
  for (const fs::path& file : files) {
    if (auto lock = HeldLock::try_take(file)) {
      locks.push_back(std::move(*lock));
    } else if (const auto holder = lock_holder(file)) {
      first = held.empty() ? *holder : first;
      held.push_back(file.filename().string());
    }
  }
  if (!held.empty()) {
    throw busy(plan.name, held, first);
  }
  return locks;
}

/** Lock files go with their repo; whoever waits for one sees that it has no name any more. */
size_t remove_lock_files(const fs::path& repo) {
  size_t removed = 0;
  std::error_code ignored;
  for (const fs::path& file : entries_or_none(locks_of(repo))) {
    removed += fs::remove(file, ignored) ? 1 : 0;
  }
  fs::remove(locks_of(repo), ignored);
  return removed;
}

uint64_t sweep_entries_of(const fs::path& gone_repo, const fs::path& hub_cache) {
  uint64_t freed = 0;
  for (const fs::path& blob : entries_or_none(gone_repo / "blobs")) {
    if (const auto entry = shared_entry_of(blob)) {
      freed += sweep_shared_entry(hub_cache, *entry);
    }
  }
  return freed;
}

/** What remains to be done once a trash folder holds what goes: shared files first, as only the trash names them. */
uint64_t finish_cache_trash(const Trash& trash, const fs::path& hub_cache) {
  uint64_t freed = 0;
  for (const fs::path& repo : entries_or_none(trash.path() / kWhole)) {
    const uint64_t own = bytes_below(repo);
    freed += own + sweep_entries_of(repo, hub_cache);
  }
  for (const fs::path& repo : entries_or_none(trash.path() / kRevision)) {
    std::set<std::string> blobs;
    for (const fs::path& snapshot : entries_or_none(repo)) {
      blobs.merge(linked_blobs(snapshot));
    }
    freed += bytes_below(repo) + drop_blobs(hub_cache / repo.filename(), blobs);
  }
  trash.empty();
  return freed;
}

RemovalPlan plan_whole(const ModelName& model, const CachedRepo& repo) {
  RemovalPlan plan{.name = model.name, .revision = {}, .cached = true, .dir = repo.dir, .revisions = repo.snapshots};
  for (const auto& [ref, hash] : repo.refs) {
    plan.refs.push_back(ref);
  }
  std::set<std::string> shared;
  for (const std::string& blob : blobs_of(repo.dir)) {
    if (shared_entry_of(repo.dir / "blobs" / blob)) {
      shared.insert(blob);
    }
  }
  plan.freed_bytes = bytes_below(repo.dir) + blob_bytes(repo.dir, shared);
  return plan;
}

RemovalPlan plan_revision(const ModelName& model, const CachedRepo& repo, const std::string& hash) {
  RemovalPlan plan{.name = model.name, .revision = hash, .cached = true, .dir = repo.dir, .revisions = {hash}};
  for (const auto& [ref, target] : repo.refs) {
    if (target == hash) {
      plan.refs.push_back(ref);
    }
  }
  const std::set<std::string> mine = linked_blobs(repo.snapshot_dir(hash));
  const std::set<std::string> others = linked_blobs_of_repo(repo.dir, hash);
  std::set<std::string> going;
  std::set<std::string> kept;
  for (const std::string& blob : mine) {
    (others.contains(blob) ? kept : going).insert(blob);
  }
  plan.freed_bytes = bytes_below(repo.snapshot_dir(hash)) + blob_bytes(repo.dir, going);
  plan.kept_bytes = blob_bytes(repo.dir, kept);
  return plan;
}

void remove_refs(const RemovalPlan& plan) {
  std::error_code error;
  for (const std::string& ref : plan.refs) {
    if (!fs::remove(plan.dir / "refs" / ref, error) && error) {
      throw Error(ErrorCode::Permission, "rm", "cannot remove the ref " + ref + ": " + error.message());
    }
    for (fs::path folder = fs::path(ref).parent_path(); !folder.empty(); folder = folder.parent_path()) {
      std::error_code not_empty;
      fs::remove(plan.dir / "refs" / folder, not_empty);
    }
  }
}

/** A ref names a whole snapshot at every moment: refs go first, then the snapshot at once, then what only it had. */
RemovalResult remove_revision(const RemovalPlan& plan, const fs::path& hub_cache) {
  (void)take_locks(plan);  // only asked: each blob's own lock is taken again when the blob goes
  const Trash trash(hub_cache / ".locks");
  remove_refs(plan);
  const fs::path place = fs::path(kRevision) / plan.dir.filename();
  trash.take(plan.dir / "snapshots" / plan.revision, place / plan.revision);
  std::error_code ignored;
  fs::remove(plan.dir / "trees" / (plan.revision + ".json"), ignored);
  fs::remove_all(plan.dir / ".no_exist" / plan.revision, ignored);
  return {.freed_bytes = finish_cache_trash(trash, hub_cache)};
}

RemovalResult remove_repo(const RemovalPlan& plan, const fs::path& hub_cache) {
  const std::vector<HeldLock> locks = take_locks(plan);
  const Trash trash(hub_cache / ".locks");
  trash.take(plan.dir, fs::path(kWhole) / plan.dir.filename());
  const uint64_t freed = finish_cache_trash(trash, hub_cache);
  return {.freed_bytes = freed, .lock_files_cleaned = remove_lock_files(plan.dir)};
}

RemovalResult remove_from_home(const RemovalPlan& plan, const fs::path& model_home) {
  const Trash trash(model_home);
  trash.take(plan.dir, "model");
  trash.empty();
  if (const fs::path parent = plan.dir.parent_path(); parent != model_home) {
    std::error_code not_empty;
    fs::remove(parent, not_empty);
  }
  return {.freed_bytes = plan.freed_bytes};
}

}  // namespace

RemovalPlan plan_removal(const ModelName& model, const HubPaths& paths) {
  const std::string spec = model.revision.empty() ? model.name : model.name + "@" + model.revision;
  if (!model.cached) {
    const ResolvedModel found = resolve_model(spec, paths);
    return {.name = model.name,
            .revision = {},
            .cached = false,
            .dir = found.dir,
            .revisions = {},
            .refs = {},
            .freed_bytes = bytes_below(found.dir)};
  }
  const std::string hash = model.revision.empty() ? "" : resolve_model(spec, paths).hash;
  const auto repo = find_repo(paths.hub_cache, model.name);
  if (!repo) {
    throw Error(ErrorCode::NotFound, "rm", model.name + " is no longer in the cache").type("model_not_found");
  }
  const bool last = repo->snapshots.size() == 1 && repo->snapshots.front() == hash;
  return hash.empty() || last ? plan_whole(model, *repo) : plan_revision(model, *repo, hash);
}

RemovalResult remove_model(const RemovalPlan& plan, const HubPaths& paths) {
  if (!plan.cached) {
    return remove_from_home(plan, paths.model_home);
  }
  return plan.revision.empty() ? remove_repo(plan, paths.hub_cache) : remove_revision(plan, paths.hub_cache);
}

uint64_t finish_removals(const HubPaths& paths) {
  uint64_t freed = 0;
  if (!paths.hub_cache.empty()) {
    for (const Trash& trash : left_trash(paths.hub_cache / ".locks")) {
      freed += finish_cache_trash(trash, paths.hub_cache);
    }
  }
  if (!paths.model_home.empty()) {
    for (const Trash& trash : left_trash(paths.model_home)) {
      freed += bytes_below(trash.path());
      trash.empty();
    }
  }
  return freed;
}

Json removal_object(const RemovalPlan& plan, const RemovalResult& result, bool dry_run) {
  return {{"model", plan.name},
          {"action", dry_run ? "dry_run" : "deleted"},
          {"requires_confirmation", false},
          {"matches", Json::array({plan.name})},
          {"revision", plan.revision.empty() ? Json(nullptr) : Json(plan.revision)},
          {"revisions", plan.revisions},
          {"refs", plan.refs},
          {"freed_bytes", result.freed_bytes},
          {"kept_bytes", plan.kept_bytes},
          {"lock_files_cleaned", result.lock_files_cleaned}};
}

}  // namespace burin::hub
