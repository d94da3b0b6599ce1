#include <fmt/format.h>

#include "cli/completion_scripts.h"

namespace burin::cli {
namespace {

constexpr std::string_view kHead = R"script(#compdef burin
# zsh completion for burin: a file `_burin` in $fpath, or `source <(burin completion zsh)` after compinit.

_burin_names() {
  local -a names
  names=("${(@f)$(command burin completion zsh --names $1 2>/dev/null)}")
  names=("${(@)names:#}")
  (( $#names )) && compadd "${@:2}" -a names
}

_burin_models() {
  if [[ $PREFIX == (/|./|../|'~')* ]]; then
    _directories
  else
    _burin_names models "$@"
  fi
}

_burin_settings() { _burin_names settings "$@" }
)script";

constexpr std::string_view kTail = R"script(
if [[ $funcstack[1] == _burin ]]; then
  _burin "$@"
else
  compdef _burin burin
fi
)script";

/** Text of a specification of _arguments or _describe, where [ ] : and \ have a meaning. */
std::string escaped(std::string_view text) {
  std::string result;
  for (const char c : text) {
    result += std::string_view("[]:\\").find(c) == std::string_view::npos ? "" : "\\";
    result += c;
  }
  return result;
}

std::string action(const Completion& completion) {
  switch (completion.subject) {
    case Subject::Model:
      return "_burin_models";
    case Subject::File:
      return "_files";
    case Subject::Folder:
      return "_directories";
    case Subject::Setting:
      return "_burin_settings";
    case Subject::Command:
      return "_burin_commands";
    case Subject::Words: {
      std::string words;
      for (const std::string& word : completion.words) {
        words += (words.empty() ? "" : " ") + word;
      }
      return "(" + words + ")";
    }
    case Subject::Flag:
    case Subject::Text:
      break;
  }
  return " ";
}

std::string option_spec(const Option& option) {
  const std::string repeat = option.repeatable ? "*" : "";
  const std::string help = escaped(option.help);
  if (option.kind == ValueKind::Flag) {
    return fmt::format("{}{}[{}]", repeat, option.name, help);
  }
  return fmt::format("{}{}=[{}]:{}:{}", repeat, option.name, help, escaped(option.value_name),
                     action(completion_of(option)));
}

std::string command_case(const Command& command) {
  std::string text = fmt::format("    {})\n      _arguments -s -S", shell_quoted(full_name(command)));
  for (size_t place = 0; place < command.positionals.size(); ++place) {
    const Positional& positional = command.positionals[place];
    text += " \\\n        " +
            shell_quoted(fmt::format("{}{}{}:{}", place + 1, positional.required ? ":" : "::", escaped(positional.name),
                                     action(completion_of(positional))));
  }
  for (const Option& option : shown_options(command)) {
    text += " \\\n        " + shell_quoted(option_spec(option));
  }
  return text + "\n      ;;\n";
}

}  // namespace

std::string zsh_completion() {
  std::string list = "\n_burin_commands() {\n  local -a commands\n  commands=(\n";
  std::string cases;
  for (const Command* command : commands()) {
    list += "    " + shell_quoted(escaped(full_name(*command)) + ":" + std::string(command->summary)) + "\n";
    cases += command_case(*command);
  }
  list += "  )\n  _describe -t commands command commands\n}\n";
  return std::string(kHead) + list +
         "\n_burin() {\n  local curcontext=$curcontext state line\n  local -A opt_args\n"
         "  _arguments -C -S '--json[print one JSON object]' '--help[list the commands]' '--version[show the version]' "
         "\\\n    '1:command:_burin_commands' '*:: :->words' && return\n  case $line[1] in\n" +
         cases + "  esac\n}\n" + std::string(kTail);
}

}  // namespace burin::cli
