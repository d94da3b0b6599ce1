#include "cli/completion_scripts.h"

#include <algorithm>

namespace burin::cli {
namespace {

Completion named(std::string_view name) {
  return {.subject = name == "MODEL"     ? Subject::Model
                     : name == "FILE"    ? Subject::File
                     : name == "DIR"     ? Subject::Folder
                     : name == "COMMAND" ? Subject::Command
                     : name == "KEY"     ? Subject::Setting
                                         : Subject::Text,
          .words = {}};
}

Completion one_of(std::string_view choices) {
  Completion completion{.subject = Subject::Words, .words = {}};
  while (!choices.empty()) {
    completion.words.emplace_back(choices.substr(0, choices.find('|')));
    choices.remove_prefix(std::min(choices.size(), completion.words.back().size() + 1));
  }
  return completion;
}

}  // namespace

Completion completion_of(const Option& option) {
  return option.kind == ValueKind::Flag     ? Completion{.subject = Subject::Flag, .words = {}}
         : option.kind == ValueKind::Choice ? one_of(option.value_name)
                                            : named(option.value_name);
}

Completion completion_of(const Positional& positional) {
  return positional.choices.empty() ? named(positional.name) : one_of(positional.choices);
}

std::string shell_quoted(std::string_view text) {
  std::string quoted = "'";
  for (const char c : text) {
    quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  }
  return quoted + "'";
}

}  // namespace burin::cli
