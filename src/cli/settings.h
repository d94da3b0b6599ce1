// Where an option gets its value from: flag, environment, config.toml, default, in this order. Keys are COMMAND.OPTION,
// or default.OPTION for every command that has it; the same as BURIN_COMMAND_OPTION and BURIN_OPTION in the
// environment.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "cli/arguments.h"
#include "cli/config_text.h"
#include "cli/environment.h"

namespace burin::cli {

enum class Source { Environment, File, Default };

/** "env", "file", "default". */
std::string_view to_string(Source source);

/** A value and who gave it. `where` is the variable, "config.toml:3", or empty for a default. */
struct Setting {
  std::vector<std::string> values;
  Source source = Source::Default;
  std::string where;
  std::string key;  // as the file or the command line writes it
};

/** One key, and what it stands for: one option, or the options of that name of several commands. */
struct SettingKey {
  std::string table;
  std::string name;
  std::vector<const Option*> options;
  std::string text() const { return table + "." + name; }
};

/** Options with a value, unless required, hidden or a file to read; flags that say so. */
bool is_setting(const Option& option);

/** All keys: default.* first, then by command. */
const std::vector<SettingKey>& setting_keys();

/** Throws: InvalidArgument, with the nearest key as hint. */
const SettingKey& find_setting_key(std::string_view key);

/** BURIN_RUN_TOP_P of "run" and "top-p"; BURIN_TOP_P of "default" and "top-p". */
std::string variable_name(std::string_view table, std::string_view option);

/** What the environment and the file of one user say. */
class Settings {
 public:
  /** Reads the file; whatever is wrong with it becomes a problem, not a throw. */
  explicit Settings(const Environment& environment);
  Settings(hub::Variables variables, std::string_view config_text);

  /** The value for an option of the command (or of "default"), not yet checked; its default, maybe none, otherwise. */
  Setting find(std::string_view table, const Option& option) const;

  /** All that is wrong: no TOML, unknown keys, values of a wrong kind or out of range, in variables too. */
  const std::vector<Error>& problems() const { return problems_; }
  /** Kind and range of a value from the file. Throws: InvalidArgument, naming file, line and key. */
  void check(const Option& option, const Setting& setting) const;
  /** Throws the first problem that is no wrong value: those concern only who uses them. */
  void check_keys() const;

 private:
  void read(std::string_view config_text);
  void check_variables();
  const ConfigEntry* entry(std::string_view table, std::string_view name) const;

  hub::Variables variables_;
  std::vector<ConfigEntry> entries_;
  std::vector<Error> problems_;
  size_t fatal_ = 0;  // problems that concern every command come first
};

/** Gives every option that the command line did not its setting. Throws: InvalidArgument or Corrupt, naming where. */
void apply_settings(Arguments& arguments, const Command& command, const Environment& environment);

/** One or all values as JSON of the option's kind, as text where they are not; null without a value. */
Json setting_json(const Option& option, const std::vector<std::string>& values);

}  // namespace burin::cli
