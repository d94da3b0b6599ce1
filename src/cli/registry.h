// The registry of models as this user has it.
#pragma once

#include "cli/environment.h"
#include "hub/registry.h"

namespace burin::cli {

/** The built-in list with the entries of models.json beside config.toml. Throws: Corrupt. */
hub::ModelRegistry user_registry(const Environment& environment);

}  // namespace burin::cli
