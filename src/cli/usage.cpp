#include "cli/usage.h"

#include <cmath>
#include <optional>

#include <fmt/format.h>

namespace burin::cli {
namespace {

constexpr size_t kTermWidth = 28;

std::string entry(const std::string& term, const std::string& text) {
  if (term.size() > kTermWidth - 2) {
    return fmt::format("  {}\n  {:{}}{}\n", term, "", kTermWidth, text);
  }
  return fmt::format("  {:{}}{}\n", term, kTermWidth, text);
}

std::string usage_line(const Command& command) {
  std::string line = "usage: burin " + full_name(command);
  for (const Positional& positional : command.positionals) {
    line += positional.required ? fmt::format(" {}", positional.name) : fmt::format(" [{}]", positional.name);
  }
  for (const Option& option : command.options) {
    if (option.required) {
      line += fmt::format(" {} {}", option.name, option.value_name);
    }
  }
  return line + " [options]\n";
}

/** The option's value where a setting gives one. */
std::optional<Setting> setting_of(const Command& command, const Option& option, const Settings& settings) {
  if (!is_setting(option)) {
    return std::nullopt;
  }
  Setting setting = settings.find(full_name(command), option);
  return setting.source == Source::Default ? std::nullopt : std::optional(std::move(setting));
}

std::string option_entry(const Option& option, const std::optional<Setting>& setting) {
  std::string term(option.name);
  if (option.kind != ValueKind::Flag) {
    term += fmt::format(" {}", option.value_name);
  }
  std::string facts = option_facts(option);
  if (setting) {
    const std::string value = dump_json(setting_json(option, setting->values));
    facts += fmt::format("{}now {}, from {}", facts.empty() ? "" : "; ", value, setting->where);
  }
  return entry(term, facts.empty() ? std::string(option.help) : fmt::format("{} ({})", option.help, facts));
}

Json describe(const Option& option) {
  static constexpr std::array<std::string_view, 5> kKinds{"flag", "integer", "number", "text", "choice"};
  const auto limit = [](double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); };
  const auto text = [](std::string_view value) { return value.empty() ? Json(nullptr) : Json(value); };
  return {{"name", option.name},
          {"kind", kKinds.at(static_cast<size_t>(option.kind))},
          {"value", text(option.value_name)},
          {"default", text(option.default_text)},
          {"min", limit(option.low)},
          {"max", limit(option.high)},
          {"repeatable", option.repeatable},
          {"required", option.required},
          {"help", option.help}};
}

}  // namespace

std::string option_facts(Option option) {
  if (option.high >= std::numeric_limits<int32_t>::max()) {
    option.high = std::numeric_limits<double>::infinity();  // a limit of the type, not of the option
  }
  std::string facts = range_text(option);
  const auto add = [&](const std::string& fact) { facts += (facts.empty() ? "" : "; ") + fact; };
  if (!option.default_text.empty()) {
    add(fmt::format("default {}", option.default_text));
  }
  if (option.repeatable) {
    add("may be repeated");
  }
  return facts;
}

std::string overview_text() {
  std::string text = "burin runs language models on this machine.\n\nusage: burin COMMAND [options]\n\ncommands:\n";
  for (const Command* command : commands()) {
    text += entry(full_name(*command), std::string(command->summary));
  }
  text += "\n`burin help COMMAND` shows one command with examples; every command takes --json.\n";
  return text;
}

std::string help_text(const Command& command, const Settings& settings) {
  std::string text = fmt::format("burin {}: {}\n\n{}", full_name(command), command.summary, usage_line(command));
  if (!command.positionals.empty()) {
    text += "\narguments:\n";
  }
  for (const Positional& positional : command.positionals) {
    text += entry(std::string(positional.name), std::string(positional.help));
  }
  text += "\noptions:\n";
  for (const Option& option : shown_options(command)) {
    text += option_entry(option, setting_of(command, option, settings));
  }
  text += command.examples.empty() ? "" : "\nexamples:\n";
  for (const Example& example : command.examples) {
    text += fmt::format("  {}\n      {}\n", example.line, example.what);
  }
  return text;
}

Json describe(const Command& command, const Settings& settings) {
  Json positionals = Json::array();
  for (const Positional& positional : command.positionals) {
    positionals.push_back({{"name", positional.name}, {"required", positional.required}, {"help", positional.help}});
  }
  Json options = Json::array();
  for (const Option& option : shown_options(command)) {
    options.push_back(describe(option));
    if (const auto setting = setting_of(command, option, settings)) {
      options.back()["current"] = {{"value", setting_json(option, setting->values)},
                                   {"source", to_string(setting->source)},
                                   {"where", setting->where}};
    }
  }
  Json examples = Json::array();
  for (const Example& example : command.examples) {
    examples.push_back({{"line", example.line}, {"what", example.what}});
  }
  return {{"name", full_name(command)},
          {"summary", command.summary},
          {"arguments", std::move(positionals)},
          {"options", std::move(options)},
          {"examples", std::move(examples)}};
}

Json show_help(const Command& command, const Environment& environment, Output& output) {
  const Settings settings(environment);
  if (!output.is_json()) {
    output.print_untrusted(help_text(command, settings));
    if (!settings.problems().empty()) {
      output.note("problem: " + settings.problems().front().message());
    }
  }
  return describe(command, settings);
}

}  // namespace burin::cli
