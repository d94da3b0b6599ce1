// One command as data: its documentation and the function that runs it. Parsing, `--help`, `burin help` and the
// reference pages are made from these descriptors.
#pragma once

#include <limits>
#include <span>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace burin::cli {

struct Context;

enum class ValueKind { Flag, Integer, Number, Text, Choice };

struct Positional {
  std::string_view name;
  std::string_view help;
  bool required = true;
  std::string_view choices;  // "bash|zsh|fish"; empty: any text
};

struct Option {
  std::string_view name;  // with its dashes
  ValueKind kind = ValueKind::Flag;
  std::string_view value_name;    // as shown in help: "N"; of a choice, the values: "fast|exact"
  std::string_view default_text;  // empty: none
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
  std::string_view help;
  bool repeatable = false;
  bool required = false;
  bool hidden = false;        // for scripts of burin's own: not shown, not completed
  bool configurable = false;  // of a flag: may be a setting, and is then taken back by --NAME=false
};

struct Example {
  std::string_view line;
  std::string_view what;
};

struct Command {
  std::string_view name_space;  // empty: one of burin's own
  std::string_view name;
  std::string_view summary;
  std::vector<Positional> positionals;
  std::vector<Option> options;
  std::vector<Example> examples;
  /** Prints for people unless output is JSON; returns `data` of the envelope. */
  Json (*run)(Context& context) = nullptr;
};

/** `NAMESPACE:NAME`, or the bare name of one of burin's own. */
std::string full_name(const Command& command);

/** All commands, sorted by name. */
std::span<const Command* const> commands();

/** Throws: InvalidArgument, with the nearest names as hint. */
const Command& find_command(std::string_view name);

/** Options that every command has: --json, --help. */
std::span<const Option> shared_options();

/** The command's own options and the shared ones, without the hidden ones. */
std::vector<Option> shown_options(const Command& command);

}  // namespace burin::cli
