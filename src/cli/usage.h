// Help made from descriptors: text for people, JSON for tools.
#pragma once

#include <string>

#include "cli/command.h"
#include "cli/output.h"
#include "cli/settings.h"

namespace burin::cli {

/** All commands with their summaries. */
std::string overview_text();
/** Usage, arguments, options with range, default and what settings say now, examples. */
std::string help_text(const Command& command, const Settings& settings);
/** Range, default, repetition: "0 to 1; default 1"; empty when there is nothing to say. */
std::string option_facts(Option option);
/** The descriptor as JSON; an option that a setting gives a value has it as `current`. */
Json describe(const Command& command, const Settings& settings);
/** Prints the help of a command unless output is JSON, and returns it as JSON; a broken config.toml is a remark. */
Json show_help(const Command& command, const Environment& environment, Output& output);

}  // namespace burin::cli
