// Taking a model or one of its revisions away, so that a kill at any moment leaves a cache that every client reads:
// first it leaves its place by one rename into `.locks/.trash-<nonce>` (which clients skip), then it is deleted there.
// What a killed removal left is finished by the next one. Source: reference/hub-and-faults.md 1.6, 1.9, 1.10.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/json.h"
#include "hub/resolve.h"

namespace burin::hub {

/** What a removal will do, before anything is touched. */
struct RemovalPlan {
  std::string name;
  std::string revision;  // one only; empty: the whole model
  bool cached = false;
  std::filesystem::path dir;           // the repo's folder, or that of the model home
  std::vector<std::string> revisions;  // that go
  std::vector<std::string> refs;       // that go with them
  uint64_t freed_bytes = 0;
  uint64_t kept_bytes = 0;  // of files that other revisions or models need too
};

/**
 * The plan for a model, or for the revision it names; a revision that is the last one takes the model with it.
 * Throws: NotFound (hash_not_found), Ambiguous, Permission.
 */
RemovalPlan plan_removal(const ModelName& model, const HubPaths& paths);

struct RemovalResult {
  uint64_t freed_bytes = 0;
  size_t lock_files_cleaned = 0;
};

/**
 * Carries a plan out. Throws: Busy (locks_present + lock_files, what holds them) before anything is touched,
 * Permission, Internal.
 */
RemovalResult remove_model(const RemovalPlan& plan, const HubPaths& paths);

/** {model, action, requires_confirmation, matches, revision, revisions, refs, freed_bytes, kept_bytes,
 * lock_files_cleaned}. */
Json removal_object(const RemovalPlan& plan, const RemovalResult& result, bool dry_run);

/** Finishes what killed removals left in the cache and in the model home; returns the bytes freed. */
uint64_t finish_removals(const HubPaths& paths);

}  // namespace burin::hub
