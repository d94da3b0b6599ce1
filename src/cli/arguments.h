// The values of one command line, checked against the descriptor of its command.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "cli/command.h"

namespace burin::cli {

/** Names are those of the descriptor ("MODEL", "--max-tokens"); asking for another one is a programmer's mistake. */
class Arguments {
 public:
  explicit Arguments(const Command& command) : command_(&command) {}

  /** Checks kind and range; of a flag the value is true or false. Throws: InvalidArgument, naming the option. */
  void add(const Option& option, std::string value) { add(option, std::move(value), option.name); }
  /** A value of config.toml or the environment, which `what` names in errors. Throws: as add. */
  void add_setting(const Option& option, std::string value, std::string_view what);
  void add(const Positional& positional, std::string value);

  /** Given on the command line or as a setting, not by default; a flag that was taken back is not. */
  bool has(std::string_view name) const;
  /** Given in any way: a flag that was taken back too. */
  bool is_given(std::string_view name) const { return values_.contains(name); }
  /** Given, but not on the command line. */
  bool is_from_settings(std::string_view name) const { return settings_.contains(name); }
  /** Every value given, in order. */
  std::vector<std::string> all(std::string_view name) const;
  /** The last value given, else the default, else "". */
  std::string text(std::string_view name) const;
  int64_t integer(std::string_view name) const;
  double number(std::string_view name) const;

 private:
  void add(const Option& option, std::string value, std::string_view what);
  std::string_view default_of(std::string_view name) const;

  const Command* command_;
  std::map<std::string, std::vector<std::string>, std::less<>> values_;
  std::set<std::string, std::less<>> settings_;
};

/** The whole of `text` as a decimal integer. Throws: InvalidArgument, naming `what`. */
int64_t parse_integer(std::string_view text, std::string_view what);

/** The whole of `text` as a finite number. Throws: InvalidArgument, naming `what`. */
double parse_number(std::string_view text, std::string_view what);

/** Kind and range of one value. Throws: InvalidArgument, naming `what`. */
void check_value(const Option& option, std::string_view value, std::string_view what);

/** "0 to 1", "1 or more", or "" for an option without limits. */
std::string range_text(const Option& option);

}  // namespace burin::cli
