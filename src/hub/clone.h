// A cached model copied into a folder of its own, to be changed there: real copies, so that nothing done to them can
// reach the blobs that other revisions and other programs share.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>

#include "hub/health.h"
#include "hub/resolve.h"

namespace burin::hub {

struct CloneOptions {
  std::filesystem::path target;  // must not be there
  bool check_health = true;      // refuse a source that is not whole
  std::function<void(uint64_t done, uint64_t total)> on_progress = {};
  const std::atomic<bool>* cancelled = nullptr;
};

struct CloneResult {
  uint64_t size_bytes = 0;
  HealthReport health;  // of the clone, by its headers
};

/**
 * Copies every file and compares it with its hash on the way (a file system that shares unchanged blocks copies
 * nothing), writes the record of hub/workspace.h, and shows the folder complete or not at all.
 * Throws: Unsupported (no cached model), InvalidArgument (the target is there), Corrupt, NotFound (unhealthy source),
 * ResourceExhausted (no room), Permission, Cancelled.
 */
CloneResult clone_model(const ResolvedModel& model, const CloneOptions& options);

}  // namespace burin::hub
