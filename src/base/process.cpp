#include "base/process.h"

#include <pwd.h>
#include <unistd.h>

#include <string_view>

extern char** environ;

namespace burin {

std::map<std::string, std::string> process_variables() {
  std::map<std::string, std::string> variables;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view line(*entry);
    const size_t equals = line.find('=');
    if (equals != line.npos && equals + 1 < line.size()) {
      variables.emplace(line.substr(0, equals), line.substr(equals + 1));
    }
  }
  if (!variables.contains("HOME")) {
    if (const passwd* user = ::getpwuid(::getuid()); user != nullptr && user->pw_dir != nullptr) {
      variables.emplace("HOME", user->pw_dir);
    }
  }
  return variables;
}

}  // namespace burin
