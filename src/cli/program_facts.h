// What this program is made of and works with, as `info` prints it and `doctor` judges it.
#pragma once

#include "cli/context.h"

namespace burin::cli {

/**
 * {cli_version, model_home, hub_cache, state_dir, config_file, system, libraries, backends [{name, version, available,
 * details | reason, hint}], model_types}. Opens every backend; one that cannot be opened says why.
 */
Json program_facts(const Context& context);

}  // namespace burin::cli
