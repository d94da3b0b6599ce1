// Manual pages in roff, made from the descriptors: `burin help --man`, and share/man/man1 of an installed tree.
#pragma once

#include <string>
#include <string_view>

#include "cli/command.h"

namespace burin::cli {

/** burin(1): the commands, where settings come from, variables, files, exit statuses. */
std::string overview_man_page(std::string_view version);

/** burin-COMMAND(1). */
std::string man_page(const Command& command, std::string_view version);

/** `text` as roff shows it unchanged: no character of it is markup, at the front of a line neither. */
std::string roff_escaped(std::string_view text);

}  // namespace burin::cli
