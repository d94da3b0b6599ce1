// From words to Arguments, by the descriptor of the command.
#pragma once

#include <string>
#include <vector>

#include "cli/arguments.h"

namespace burin::cli {

/** Whether a word before `--` asks for JSON: known before anything else, so that a usage error is JSON too. */
bool wants_json(const std::vector<std::string>& words);

/** Throws: InvalidArgument, with a hint, on whatever the descriptor does not allow; with --help nothing is required. */
Arguments parse_arguments(const Command& command, std::vector<std::string> words);

}  // namespace burin::cli
