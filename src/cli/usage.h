// Help made from descriptors: text for people, JSON for tools.
#pragma once

#include <string>

#include "cli/command.h"

namespace burin::cli {

/** All commands with their summaries. */
std::string overview_text();
/** Usage, arguments, options with range and default, examples. */
std::string help_text(const Command& command);
/** Range, default, repetition: "0 to 1; default 1"; empty when there is nothing to say. */
std::string option_facts(Option option);
/** The descriptor as JSON. */
Json describe(const Command& command);

}  // namespace burin::cli
