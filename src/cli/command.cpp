#include "cli/command.h"

#include <algorithm>
#include <array>
#include <iterator>

#include "base/error.h"
#include "hub/nearest.h"

namespace burin::cli {

#define COMMAND(name) extern const Command name##_command;
#include "cli/commands.def"
#undef COMMAND

std::string full_name(const Command& command) {
  return command.name_space.empty() ? std::string(command.name)
                                    : std::string(command.name_space) + ":" + std::string(command.name);
}

std::span<const Command* const> commands() {
#define COMMAND(name) &name##_command,
  static const std::array kTable{
#include "cli/commands.def"
  };
#undef COMMAND
  return kTable;
}

const Command& find_command(std::string_view name) {
  std::vector<std::string> names;
  for (const Command* command : commands()) {
    names.push_back(full_name(*command));
    if (names.back() == name) {
      return *command;
    }
  }
  const std::vector<std::string> near = hub::nearest_names(name, names, 1);
  throw Error(ErrorCode::InvalidArgument, "burin", "there is no command \"" + std::string(name) + "\"")
      .hint(near.empty() ? "`burin help` lists the commands" : "did you mean `burin " + near.front() + "`?");
}

std::span<const Option> shared_options() {
  static constexpr std::array kOptions{
      Option{.name = "--json", .help = "print one JSON object instead of text for people"},
      Option{.name = "--help", .help = "show this help"},
  };
  return kOptions;
}

std::vector<Option> shown_options(const Command& command) {
  std::vector<Option> options;
  std::ranges::remove_copy_if(command.options, std::back_inserter(options), &Option::hidden);
  options.insert(options.end(), shared_options().begin(), shared_options().end());
  return options;
}

}  // namespace burin::cli
