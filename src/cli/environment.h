// Everything the program takes from its process: environment variables and terminals. Read once, handed down as data.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string_view>

#include "hub/paths.h"

namespace burin::cli {

struct Environment {
  hub::HubPaths paths;
  std::filesystem::path state_dir;    // XDG_STATE_HOME/burin; may be empty
  std::filesystem::path cache_dir;    // XDG_CACHE_HOME/burin; may be empty
  std::filesystem::path config_file;  // XDG_CONFIG_HOME/burin/config.toml; may be empty
  hub::Variables variables;
  bool no_color = false;
  bool dumb_terminal = false;  // no cursor movements
  bool stdin_terminal = false;
  bool stdout_terminal = false;
  bool stderr_terminal = false;
  uint64_t memory_total_bytes = 0;  // 0: unknown
};

Environment read_environment();

struct KnownVariable {
  std::string_view name;
  std::string_view what;
};

/** The variables that burin honours, sorted, besides those that stand for options (BURIN_THREADS). */
std::span<const KnownVariable> known_variables();

}  // namespace burin::cli
