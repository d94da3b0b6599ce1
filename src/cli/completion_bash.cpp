#include <fmt/format.h>

#include "cli/completion_scripts.h"

namespace burin::cli {
namespace {

// Works with the bash 3.2 of macOS: no mapfile, no associative arrays. Names are compared and quoted, never evaluated.
constexpr std::string_view kHead = R"script(# bash completion for burin. Load it with: source <(burin completion bash)

# Offers those of the words that begin with what is typed, quoted where the shell would read them otherwise.
_burin_match() {
  local word quoted
  for word in "$@"; do
    [[ -n $word ]] || continue
    printf -v quoted %q "$word"
    if [[ $typed == [\'\"]* ]]; then
      [[ $word == "$quoted" && $word == "${typed:1}"* ]] && COMPREPLY+=("$word")
    elif [[ $word == "$typed"* || $quoted == "$typed"* ]]; then
      COMPREPLY+=("$quoted")
    fi
  done
}

_burin_names() {
  local name
  while IFS= read -r name; do
    _burin_match "$name"
  done < <(command burin completion bash --names "$1" 2>/dev/null)
}

_burin_offer() {
  local subject=$1
  shift
  case $subject in
    words) _burin_match "$@" ;;
    file) compopt -o default -o bashdefault 2>/dev/null ;;
    folder) compopt -o dirnames 2>/dev/null ;;
    setting) _burin_names settings ;;
    model)
      case $typed in
        /* | ./* | ../* | '~'*) compopt -o dirnames 2>/dev/null ;;
        *) _burin_names models ;;
      esac
      ;;
  esac
}
)script";

constexpr std::string_view kTail = R"script(
_burin() {
  local typed=${COMP_WORDS[COMP_CWORD]} command= option= literal= word at
  local -a takes
  local -i place=0
  COMPREPLY=()
  for ((at = 1; at < COMP_CWORD; at++)); do
    word=${COMP_WORDS[at]}
    if [[ -n $option ]]; then
      [[ $word == = ]] || option= # readline cuts --option=value into three words
    elif [[ -z $command ]]; then
      [[ $word == -* ]] || command=$word
    elif [[ -z $literal && $word == -- ]]; then
      literal=yes
    elif [[ -z $literal && $word == -?* ]]; then
      _burin_takes "$command" "$word"
      [[ ${takes[0]} == flag ]] || option=$word
    else
      place+=1
    fi
  done
  if [[ $typed == = ]]; then typed=; fi
  if [[ -n $option ]]; then
    _burin_takes "$command" "$option"
    _burin_offer "${takes[@]}"
  elif [[ -z $literal && $typed == -* ]]; then
    _burin_options "$command"
  elif [[ -z $command ]]; then
    _burin_commands
  else
    _burin_takes "$command" "$place"
    _burin_offer "${takes[@]}"
  fi
}

complete -F _burin burin
)script";

std::string command_words() {
  std::string words;
  for (const Command* command : commands()) {
    words += " " + shell_quoted(full_name(*command));
  }
  return words;
}

/** `takes=(..)` as _burin_offer reads it. */
std::string takes(const Completion& completion) {
  switch (completion.subject) {
    case Subject::Flag:
      return "flag";
    case Subject::Model:
      return "model";
    case Subject::File:
      return "file";
    case Subject::Folder:
      return "folder";
    case Subject::Setting:
      return "setting";
    case Subject::Command:
      return "words" + command_words();
    case Subject::Words: {
      std::string words = "words";
      for (const std::string& word : completion.words) {
        words += " " + shell_quoted(word);
      }
      return words;
    }
    case Subject::Text:
      break;
  }
  return "text";
}

std::string table_of_values() {
  std::string text =
      "\n# What an option takes, or the place of an argument: sets `takes`.\n_burin_takes() {\n  case \"$1 $2\" in\n";
  const auto line = [&](const std::string& key, const Completion& completion) {
    if (completion.subject != Subject::Flag) {
      text += fmt::format("    {}) takes=({}) ;;\n", shell_quoted(key), takes(completion));
    }
  };
  for (const Command* command : commands()) {
    const std::string name = full_name(*command);
    for (size_t place = 0; place < command->positionals.size(); ++place) {
      line(fmt::format("{} {}", name, place), completion_of(command->positionals[place]));
    }
    for (const Option& option : shown_options(*command)) {
      line(fmt::format("{} {}", name, option.name), completion_of(option));
    }
  }
  return text + "    *\\ -*) takes=(flag) ;;\n    *) takes=(text) ;;\n  esac\n}\n";
}

std::string table_of_options() {
  std::string text = "\n_burin_options() {\n  case $1 in\n    '') _burin_match --help --json --version ;;\n";
  for (const Command* command : commands()) {
    text += fmt::format("    {}) _burin_match", shell_quoted(full_name(*command)));
    for (const Option& option : shown_options(*command)) {
      text += fmt::format(" {}", option.name);
    }
    text += " ;;\n";
  }
  return text + "  esac\n}\n";
}

}  // namespace

std::string bash_completion() {
  return std::string(kHead) + table_of_values() + table_of_options() +
         fmt::format("\n_burin_commands() {{\n  _burin_match{}\n}}\n", command_words()) + std::string(kTail);
}

}  // namespace burin::cli
