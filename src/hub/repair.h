// From what is wrong with a model to what a download has to bring: the value that connects `health` and `pull`.
#pragma once

#include <string>
#include <vector>

#include "hub/health.h"
#include "hub/resolve.h"

namespace burin::hub {

/** Files of one revision to download anew. */
struct RepairRequest {
  std::string repo;                    // "org/name"
  std::string revision;                // commit; empty when no whole one is there: the default branch then
  std::vector<std::string> files;      // by name within the revision; empty: all of them
  std::vector<std::string> bad_blobs;  // etags whose content is wrong: not to be taken for downloaded
};

/** Nothing to repair gives a request without files. Throws: Unsupported for a model that is not in the cache. */
RepairRequest repair_request(const ResolvedModel& model, const HealthReport& report);

/** Whether a download could repair a model. */
bool is_repairable(const ResolvedModel& model, const HealthReport& report);

}  // namespace burin::hub
