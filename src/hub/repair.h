// From what is wrong with a model to what a download has to bring: the value that connects `health` and `pull`.
#pragma once

#include <string>
#include <vector>

#include "hub/health.h"
#include "hub/pull.h"
#include "hub/resolve.h"

namespace burin::hub {

/**
 * What brings back the files that are missing or wrong, and no others; all of them where no revision is there. Blobs
 * are hashed again rather than trusted. Throws: Unsupported for a model that is not in the cache.
 */
PullRequest repair_request(const ResolvedModel& model, const HealthReport& report);

/** Throws: Network or Corrupt where `report`, made after the pull that gave `result`, still finds something wrong. */
void require_repaired(const ResolvedModel& model, const HealthReport& report, const PullResult& result);

/** Whether a download could repair a model. */
bool is_repairable(const ResolvedModel& model, const HealthReport& report);

}  // namespace burin::hub
