#include "cli/man_page.h"

#include <fmt/format.h>

#include "base/error.h"
#include "cli/environment.h"
#include "cli/usage.h"

namespace burin::cli {
namespace {

constexpr auto kLastCode = static_cast<int>(ErrorCode::Cancelled);

std::string upper(std::string text) {
  for (char& c : text) {
    c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  }
  return text;
}

std::string head(const std::string& name, std::string_view summary, std::string_view version) {
  return fmt::format(".TH {} 1 \"\" \"burin {}\" \"burin manual\"\n.SH NAME\n{} \\- {}\n", roff_escaped(upper(name)),
                     roff_escaped(version), roff_escaped(name), roff_escaped(summary));
}

std::string bold(std::string_view text) {
  return fmt::format("\\fB{}\\fR", roff_escaped(text));
}

std::string italic(std::string_view text) {
  return fmt::format("\\fI{}\\fR", roff_escaped(text));
}

/** `term` is roff already. */
std::string entry(std::string_view term, std::string_view text) {
  return fmt::format(".TP\n{}\n{}\n", term, roff_escaped(text));
}

std::string synopsis(const Command& command) {
  std::string text = ".SH SYNOPSIS\n" + bold("burin " + full_name(command));
  for (const Positional& positional : command.positionals) {
    const std::string name = italic(positional.name);
    text += positional.required ? " " + name : " [" + name + "]";
  }
  for (const Option& option : command.options) {
    if (option.required) {
      text += fmt::format(" {} {}", bold(option.name), italic(option.value_name));
    }
  }
  return text + " [\\fIoptions\\fR]\n";
}

std::string man_name(const Command& command) {
  return "burin-" + full_name(command);
}

std::string exit_statuses() {
  std::string text = ".SH EXIT STATUS\n" + entry(bold("0"), "success");
  for (int code = 0; code <= kLastCode; ++code) {
    const ErrorTraits& facts = traits(static_cast<ErrorCode>(code));
    std::string name(facts.name);
    for (char& c : name) {
      c = c == '_' ? ' ' : c;
    }
    text += entry(bold(std::to_string(facts.exit_status)), name);
  }
  return text;
}

}  // namespace

std::string roff_escaped(std::string_view text) {
  std::string result;
  bool line_start = true;
  for (const char c : text) {
    if (line_start && (c == '.' || c == '\'')) {
      result += "\\&";
    }
    switch (c) {
      case '\\':
        result += "\\e";
        break;
      case '-':
        result += "\\-";
        break;
      case '\'':
        result += "\\(aq";
        break;
      case '`':
        result += "\\(ga";
        break;
      case '"':
        result += "\\(dq";
        break;
      case '^':
        result += "\\(ha";
        break;
      case '~':
        result += "\\(ti";
        break;
      default:
        result += c;
    }
    line_start = c == '\n';
  }
  return result;
}

std::string overview_man_page(std::string_view version) {
  std::string text = head("burin", "run language models on this machine", version);
  text += ".SH SYNOPSIS\n\\fBburin\\fR \\fICOMMAND\\fR [\\fIoptions\\fR]\n.SH DESCRIPTION\n";
  text += roff_escaped(
      "burin runs language models in MLX format (safetensors, config.json, tokenizer.json) from its own "
      "folder and from the Hugging Face cache. Every command takes --json and then prints one object.");
  text += "\n.SH COMMANDS\n";
  for (const Command* command : commands()) {
    text += entry(bold(man_name(*command)) + "(1)", command->summary);
  }
  text += ".SH SETTINGS\n" + roff_escaped(
                                 "What no option says is taken from the environment, then from config.toml, then from "
                                 "the built-in default. The option --top-p of run is BURIN_RUN_TOP_P or BURIN_TOP_P in "
                                 "the environment, and run.top-p or default.top-p in the file.");
  text += "\n" + bold("burin-config") + "(1) shows and changes them.\n.SH ENVIRONMENT\n";
  for (const KnownVariable& variable : known_variables()) {
    text += entry(bold(variable.name), variable.what);
  }
  return text + exit_statuses();
}

std::string man_page(const Command& command, std::string_view version) {
  std::string text = head(man_name(command), command.summary, version) + synopsis(command);
  text += command.positionals.empty() ? "" : ".SH ARGUMENTS\n";
  for (const Positional& positional : command.positionals) {
    text += entry(italic(positional.name), positional.help);
  }
  text += ".SH OPTIONS\n";
  for (const Option& option : shown_options(command)) {
    const std::string facts = option_facts(option);
    const std::string term = bold(option.name) + (option.value_name.empty() ? "" : " " + italic(option.value_name));
    text += entry(term, std::string(option.help) + (facts.empty() ? "" : fmt::format(" ({})", facts)));
  }
  text += command.examples.empty() ? "" : ".SH EXAMPLES\n";
  for (const Example& example : command.examples) {
    text += entry(bold(example.line), example.what);
  }
  return text + ".SH SEE ALSO\n\\fBburin\\fR(1)\n";
}

}  // namespace burin::cli
