#include <fmt/format.h>

#include "cli/completion_scripts.h"

namespace burin::cli {
namespace {

constexpr std::string_view kHead = R"script(# fish completion for burin. Load it with: burin completion fish | source

function __burin_names
  command burin completion fish --names $argv[1] 2>/dev/null
end

# Whether the cursor stands at argument $argv[2] (the first is 0) of the command $argv[1]; "" 0 is the command itself.
function __burin_at
  set -l words (commandline -opc)
  set -l command
  set -l place 0
  set -l literal no
  set -l value no
  for word in $words[2..-1]
    if test $value = yes
      set value no
    else if not set -q command[1]
      string match -q -- '-*' $word; or set command $word
    else if test $literal = no; and test "$word" = --
      set literal yes
    else if test $literal = no; and string match -q -- '-?*' $word
      __burin_takes_value "$command $word"; and set value yes
    else
      set place (math $place + 1)
    end
  end
  test $value = no; and test "$command" = "$argv[1]"; and test $place = $argv[2]
end

function __burin_in
  set -l words (string match -v -- '--json' (commandline -opc))
  test "$words[2]" = "$argv[1]"
end

function __burin_models
  if string match -qr -- '^(/|\./|\.\./|~)' (commandline -ct)
    __fish_complete_directories (commandline -ct) ''
  else
    __burin_names models
  end
end
)script";

std::string fish_quoted(std::string_view text) {
  std::string quoted = "'";
  for (const char c : text) {
    quoted += c == '\'' || c == '\\' ? std::string("\\") : std::string();
    quoted += c;
  }
  return quoted + "'";
}

/** The flags of `complete` that offer the values. */
std::string offer(const Completion& completion) {
  switch (completion.subject) {
    case Subject::Model:
      return "-x -a '(__burin_models)'";
    case Subject::Setting:
      return "-x -a '(__burin_names settings)'";
    case Subject::File:
      return "-r -F";
    case Subject::Folder:
      return "-x -a '(__fish_complete_directories)'";
    case Subject::Command:
    case Subject::Words: {
      std::string words;
      for (const std::string& word : completion.words) {
        words += (words.empty() ? "" : " ") + word;
      }
      for (const Command* command : completion.subject == Subject::Command ? commands() : decltype(commands())()) {
        words += (words.empty() ? "" : " ") + full_name(*command);
      }
      return "-x -a " + fish_quoted(words);
    }
    case Subject::Text:
      return "-x";
    case Subject::Flag:
      break;
  }
  return "";
}

std::string lines_of(const Command& command) {
  const std::string name = full_name(command);
  std::string text = fmt::format("\ncomplete -c burin -n '__burin_at \"\" 0' -a {} -d {}\n", fish_quoted(name),
                                 fish_quoted(command.summary));
  for (size_t place = 0; place < command.positionals.size(); ++place) {
    const Completion completion = completion_of(command.positionals[place]);
    if (completion.subject != Subject::Text) {
      text += fmt::format("complete -c burin -n '__burin_at {} {}' {}\n", name, place, offer(completion));
    }
  }
  for (const Option& option : shown_options(command)) {
    text += fmt::format("complete -c burin -n '__burin_in {}' -l {} {} -d {}\n", name, option.name.substr(2),
                        offer(completion_of(option)), fish_quoted(option.help));
  }
  return text;
}

}  // namespace

std::string fish_completion() {
  std::string values = "\nfunction __burin_takes_value\n  contains -- \"$argv[1]\"";
  std::string lines;
  for (const Command* command : commands()) {
    for (const Option& option : shown_options(*command)) {
      if (option.kind != ValueKind::Flag) {
        values += " \\\n    " + fish_quoted(fmt::format("{} {}", full_name(*command), option.name));
      }
    }
    lines += lines_of(*command);
  }
  return std::string(kHead) + values + "\nend\n\ncomplete -c burin -f\n" +
         "complete -c burin -n '__burin_at \"\" 0' -l json -d 'print one JSON object'\n"
         "complete -c burin -n '__burin_at \"\" 0' -l help -d 'list the commands'\n"
         "complete -c burin -n '__burin_at \"\" 0' -l version -d 'show the version'\n" +
         lines;
}

}  // namespace burin::cli
