// From the words after the program's name to an exit status.
#pragma once

#include <string>
#include <vector>

#include "cli/context.h"

namespace burin::cli {

/** Runs one command; every failure ends here, as text or as the envelope. Returns the exit status. */
int run_program(const std::vector<std::string>& words, const Environment& environment, const ModuleOpener& open_module);

}  // namespace burin::cli
