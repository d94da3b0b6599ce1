// Help made from descriptors: text for people, JSON for tools.
#pragma once

#include <string>

#include "cli/command.h"

namespace burin::cli {

/** All commands with their summaries. */
std::string overview_text();
/** Usage, arguments, options with range and default, examples. */
std::string help_text(const Command& command);
/** The descriptor as JSON. */
Json describe(const Command& command);

}  // namespace burin::cli
