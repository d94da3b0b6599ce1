#include "cli/environment.h"

#include <pwd.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

extern char** environ;

namespace burin::cli {
namespace {

hub::Variables read_variables() {
  hub::Variables variables;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    if (const char* equals = std::strchr(*entry, '='); equals != nullptr && equals[1] != '\0') {
      variables.emplace(std::string(static_cast<const char*>(*entry), equals), equals + 1);
    }
  }
  if (!variables.contains("HOME")) {
    if (const passwd* user = ::getpwuid(::getuid()); user != nullptr && user->pw_dir != nullptr) {
      variables.emplace("HOME", user->pw_dir);
    }
  }
  return variables;
}

uint64_t memory_total() {
  const long pages = ::sysconf(_SC_PHYS_PAGES);
  const long page_size = ::sysconf(_SC_PAGESIZE);
  return pages > 0 && page_size > 0 ? static_cast<uint64_t>(pages) * static_cast<uint64_t>(page_size) : 0;
}

}  // namespace

Environment read_environment() {
  const hub::Variables variables = read_variables();
  const auto term = variables.find("TERM");
  return {
      .paths = hub::hub_paths(variables),
      .state_dir = hub::xdg_folder(variables, "XDG_STATE_HOME", ".local/state"),
      .no_color = variables.contains("NO_COLOR"),
      .dumb_terminal = term == variables.end() || term->second == "dumb",
      .stdin_terminal = ::isatty(STDIN_FILENO) == 1,
      .stdout_terminal = ::isatty(STDOUT_FILENO) == 1,
      .stderr_terminal = ::isatty(STDERR_FILENO) == 1,
      .memory_total_bytes = memory_total(),
  };
}

}  // namespace burin::cli
