#include "cli/context.h"
#include "cli/usage.h"

namespace burin::cli {
namespace {

Json run(Context& context) {
  if (context.arguments.has("COMMAND")) {
    const Command& command = find_command(context.arguments.text("COMMAND"));
    if (!context.output.is_json()) {
      context.output.print(help_text(command));
    }
    return describe(command);
  }
  if (!context.output.is_json()) {
    context.output.print(overview_text());
  }
  Json list = Json::array();
  for (const Command* command : commands()) {
    list.push_back({{"name", full_name(*command)}, {"summary", command->summary}});
  }
  return {{"commands", std::move(list)}};
}

}  // namespace

extern const Command help_command{
    .name = "help",
    .summary = "list the commands, or explain one",
    .positionals = {{.name = "COMMAND", .help = "the command to explain", .required = false}},
    .examples = {{.line = "burin help run", .what = "every option of `run`, with examples"}},
    .run = run,
};

}  // namespace burin::cli
