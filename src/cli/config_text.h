// config.toml as text: what it sets, with line numbers, and edits that leave every other line as the user wrote it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace burin::cli {

enum class ConfigKind { Flag, Integer, Number, Text, Other };

/** `name = value` below `[table]`, in whichever of TOML's forms it was written. */
struct ConfigEntry {
  std::string table;  // empty: outside of any table
  std::string name;
  int line = 0;
  ConfigKind kind = ConfigKind::Other;
  bool list = false;
  std::vector<std::string> values;
};

/** The entries in the order of their lines. Throws: Corrupt, as `config.toml:LINE: ..`. */
std::vector<ConfigEntry> parse_config(std::string_view text);

/** `value` is TOML. Throws: Corrupt for a text that is not TOML, Unsupported for one that no edit of a line can do. */
std::string with_entry(const std::string& text, const std::string& table, const std::string& name,
                       const std::string& value);

/** Without the entry and what stands beside it in its line. Throws as with_entry. */
std::string without_entry(const std::string& text, const std::string& table, const std::string& name);

/** A basic string of TOML. */
std::string toml_quoted(std::string_view text);

}  // namespace burin::cli
