// The one place where `health --repair` meets downloads.
#pragma once

#include "cli/context.h"
#include "hub/repair.h"

namespace burin::cli {

/**
 * Downloads the files of a request anew and puts them into their revision.
 * Throws: Unsupported as long as this program has no `pull` (its function is called here and nowhere else).
 */
void pull_for_repair(Context& context, const hub::RepairRequest& request);

}  // namespace burin::cli
