// What `health` and `verify` share: checking with a progress bar, and the verdict for people and programs.
#pragma once

#include <string>

#include "cli/context.h"
#include "hub/health.h"
#include "hub/runtime_check.h"

namespace burin::cli {

/** Both verdicts on one model, kept apart. */
struct CheckedModel {
  hub::ResolvedModel model;
  hub::HealthReport files;
  hub::RuntimeVerdict runtime;
};

/** Shows progress of hashing on a terminal; Ctrl-C ends it. Throws: Cancelled. */
CheckedModel check_model(Context& context, const hub::ResolvedModel& model, hub::HealthDepth depth);

/** {name, status, reason, hash, cached, files{..}, runtime{compatible, reason}, repair}. */
Json checked_object(const CheckedModel& checked, hub::HealthDepth depth);

/** A line for the model, and one for each problem. */
std::string checked_text(const CheckedModel& checked);

}  // namespace burin::cli
