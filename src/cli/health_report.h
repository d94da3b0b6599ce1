// What `health` and `verify` share: checking with a progress bar, and the verdict for people and programs.
#pragma once

#include <string>

#include "cli/context.h"
#include "hub/checked_model.h"

namespace burin::cli {

/** Shows progress of hashing on a terminal; Ctrl-C ends it. Throws: Cancelled. */
hub::CheckedModel check_model(Context& context, const hub::ResolvedModel& model, hub::HealthDepth depth);

/** A line for the model, and one for each problem. */
std::string checked_text(const hub::CheckedModel& checked);

}  // namespace burin::cli
