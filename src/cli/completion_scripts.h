// Shell completion made from the command descriptors: one script a shell, and what a word of the command line may be.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/command.h"

namespace burin::cli {

/** What can stand in one place of a command line; a descriptor says it by its name: MODEL, FILE, DIR, COMMAND, KEY. */
enum class Subject { Flag, Text, Words, Model, File, Folder, Command, Setting };

struct Completion {
  Subject subject = Subject::Text;
  std::vector<std::string> words;  // of Subject::Words
};

Completion completion_of(const Option& option);
Completion completion_of(const Positional& positional);

/** `text` between single quotes as sh, bash and zsh read it. */
std::string shell_quoted(std::string_view text);

std::string bash_completion();
std::string zsh_completion();
std::string fish_completion();

}  // namespace burin::cli
