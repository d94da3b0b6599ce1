#include "cli/parse.h"

#include <algorithm>
#include <deque>
#include <ranges>

#include <CLI/CLI.hpp>

#include "base/error.h"
#include "hub/nearest.h"

namespace burin::cli {
namespace {

/** One option or positional as CLI11 knows it, beside its descriptor. */
template <typename Descriptor>
struct Bound {
  const Descriptor* descriptor;
  CLI::Option* option;
};

std::string spelled(const Option& option) {
  return option.name == "--help" ? "-h,--help" : std::string(option.name);
}

CLI::Option* bind(CLI::App& app, const Option& option) {
  if (option.kind == ValueKind::Flag) {
    CLI::Option* flag = app.add_flag(spelled(option));
    return option.configurable ? flag->multi_option_policy(CLI::MultiOptionPolicy::TakeLast)
                               : flag->disable_flag_override();
  }
  CLI::Option* bound = app.add_option(spelled(option), [](const CLI::results_t&) { return true; });
  bound->expected(1)->allow_extra_args(false);
  if (option.repeatable) {
    bound->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  }
  return bound;
}

/** One command's CLI11 app: only splits the words; kinds and ranges are checked by Arguments. */
class Parser {
 public:
  explicit Parser(const Command& command) : command_(command) {
    app_.set_help_flag();
    for (const Option& option : command.options) {
      options_.push_back({&option, bind(app_, option)});
    }
    for (const Option& option : shared_options()) {
      options_.push_back({&option, bind(app_, option)});
    }
    for (const Positional& positional : command.positionals) {
      CLI::Option* bound = app_.add_option(std::string(positional.name), [](const CLI::results_t&) { return true; });
      bound->expected(1)->allow_extra_args(false);
      positionals_.push_back({&positional, bound});
    }
  }

  Arguments parse(std::vector<std::string> words) {
    std::ranges::reverse(words);
    try {
      app_.parse(words);
    } catch (const CLI::ExtrasError&) {
      std::vector<std::string> extra = app_.remaining();
      throw unexpected(extra.front() == "--" ? extra.back() : extra.front());
    } catch (const CLI::ArgumentMismatch& e) {
      const std::string text = e.what();  // "--include: 1 required  missing"
      throw usage_error(text.ends_with("missing") ? text.substr(0, text.find(':')) + " needs a value" : text);
    } catch (const CLI::ParseError& e) {
      throw usage_error(e.what());
    }
    Arguments arguments(command_);
    for (const auto& [descriptor, option] : options_) {
      if (descriptor->kind == ValueKind::Flag && option->count() > 0) {
        arguments.add(*descriptor, descriptor->configurable ? option->results().back() : "true");
      } else if (descriptor->kind != ValueKind::Flag) {
        std::ranges::for_each(option->results(), [&](const std::string& value) { arguments.add(*descriptor, value); });
      }
    }
    for (const auto& [descriptor, option] : positionals_) {
      std::ranges::for_each(option->results(), [&](const std::string& value) { arguments.add(*descriptor, value); });
    }
    if (!arguments.has("--help")) {
      require(arguments);
    }
    return arguments;
  }

 private:
  Error usage_error(const std::string& message) const {
    return Error(ErrorCode::InvalidArgument, command_.name, message)
        .hint("`burin help " + full_name(command_) + "` shows what it takes");
  }

  Error unexpected(const std::string& word) const {
    if (!word.starts_with('-') || word == "-") {
      return usage_error("unexpected argument \"" + word + "\"");
    }
    const std::string name = word.substr(0, word.find('='));
    std::vector<std::string> names;
    names.reserve(options_.size());
    for (const auto& [descriptor, option] : options_) {
      names.emplace_back(descriptor->name);
    }
    const std::vector<std::string> near = hub::nearest_names(name, names, 1);
    Error error = usage_error("unknown option " + name);
    return near.empty() ? error : error.hint("did you mean " + near.front() + "?");
  }

  void require(const Arguments& arguments) const {
    for (const Positional& positional : command_.positionals) {
      if (positional.required && !arguments.has(positional.name)) {
        throw usage_error(std::string(positional.name) + " is missing");
      }
    }
    for (const Option& option : command_.options) {
      if (option.required && !arguments.has(option.name)) {
        throw usage_error(std::string(option.name) + " is missing");
      }
    }
  }

  const Command& command_;
  CLI::App app_;
  std::vector<Bound<Option>> options_;
  std::vector<Bound<Positional>> positionals_;
};

}  // namespace

bool wants_json(const std::vector<std::string>& words) {
  return std::find(words.begin(), std::ranges::find(words, "--"), "--json") != std::ranges::find(words, "--");
}

Arguments parse_arguments(const Command& command, std::vector<std::string> words) {
  return Parser(command).parse(std::move(words));
}

}  // namespace burin::cli
