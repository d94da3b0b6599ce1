#include "cli/arguments.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include <fmt/format.h>

#include "base/error.h"

namespace burin::cli {
namespace {

Error bad_value(std::string_view what, std::string_view value, std::string_view expected) {
  return Error(ErrorCode::InvalidArgument, what, fmt::format("{}: \"{}\" is not {}", what, value, expected));
}

bool is_choice(std::string_view choices, std::string_view value) {
  while (!choices.empty()) {
    const std::string_view choice = choices.substr(0, choices.find('|'));
    if (choice == value) {
      return true;
    }
    choices.remove_prefix(std::min(choices.size(), choice.size() + 1));
  }
  return false;
}

void check_range(const Option& option, double value, std::string_view text, std::string_view what) {
  if (value < option.low || value > option.high) {
    throw bad_value(what, text, range_text(option));
  }
}

}  // namespace

int64_t parse_integer(std::string_view text, std::string_view what) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc::result_out_of_range) {
    throw bad_value(what, text, "in the range of integers");
  }
  if (error != std::errc() || end != text.data() + text.size()) {
    throw bad_value(what, text, "an integer");
  }
  return value;
}

double parse_number(std::string_view text, std::string_view what) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) {
    throw bad_value(what, text, "a number");
  }
  return value;
}

std::string range_text(const Option& option) {
  const bool low = std::isfinite(option.low);
  const bool high = std::isfinite(option.high);
  return low && high ? fmt::format("{} to {}", option.low, option.high)
         : low       ? fmt::format("{} or more", option.low)
         : high      ? fmt::format("{} or less", option.high)
                     : "";
}

void check_value(const Option& option, std::string_view value, std::string_view what) {
  if (option.kind == ValueKind::Integer) {
    check_range(option, static_cast<double>(parse_integer(value, what)), value, what);
  } else if (option.kind == ValueKind::Number) {
    check_range(option, parse_number(value, what), value, what);
  } else if (option.kind == ValueKind::Choice && !is_choice(option.value_name, value)) {
    throw bad_value(what, value, fmt::format("one of {}", option.value_name));
  } else if (option.kind == ValueKind::Flag && value != "true" && value != "false") {
    throw bad_value(what, value, "true or false");
  }
}

void Arguments::add(const Option& option, std::string value, std::string_view what) {
  check_value(option, value, what);
  std::vector<std::string>& values = values_[std::string(option.name)];
  if (option.kind == ValueKind::Flag && value == "false") {
    values.clear();
  } else {
    values.push_back(std::move(value));
  }
}

void Arguments::add_setting(const Option& option, std::string value, std::string_view what) {
  add(option, std::move(value), what);
  settings_.emplace(option.name);
}

void Arguments::add(const Positional& positional, std::string value) {
  if (!positional.choices.empty() && !is_choice(positional.choices, value)) {
    throw bad_value(positional.name, value, fmt::format("one of {}", positional.choices));
  }
  values_[std::string(positional.name)].push_back(std::move(value));
}

std::string_view Arguments::default_of(std::string_view name) const {
  const auto option = std::ranges::find(command_->options, name, &Option::name);
  if (option != command_->options.end()) {
    return option->default_text;
  }
  const auto shared = std::ranges::find(shared_options(), name, &Option::name);
  BURIN_CHECK(shared != shared_options().end() ||
              std::ranges::find(command_->positionals, name, &Positional::name) != command_->positionals.end());
  return "";
}

bool Arguments::has(std::string_view name) const {
  const auto it = values_.find(name);
  return it != values_.end() && !it->second.empty();
}

std::vector<std::string> Arguments::all(std::string_view name) const {
  const auto it = values_.find(name);
  return it == values_.end() ? std::vector<std::string>() : it->second;
}

std::string Arguments::text(std::string_view name) const {
  const auto it = values_.find(name);
  return it == values_.end() || it->second.empty() ? std::string(default_of(name)) : it->second.back();
}

int64_t Arguments::integer(std::string_view name) const {
  return parse_integer(text(name), name);
}

double Arguments::number(std::string_view name) const {
  return parse_number(text(name), name);
}

}  // namespace burin::cli
