#include "cli/context.h"
#include "cli/man_page.h"
#include "cli/usage.h"

namespace burin::cli {
namespace {

Json man(Context& context) {
  const std::string name = context.arguments.text("COMMAND");
  const std::string page =
      name.empty() ? overview_man_page(BURIN_VERSION) : man_page(find_command(name), BURIN_VERSION);
  if (!context.output.is_json()) {
    context.output.print(page);
  }
  return {{"name", name.empty() ? "burin" : name}, {"page", page}};
}

Json run(Context& context) {
  if (context.arguments.has("--man")) {
    return man(context);
  }
  if (context.arguments.has("COMMAND")) {
    return show_help(find_command(context.arguments.text("COMMAND")), context.environment, context.output);
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
    .options = {{.name = "--man",
                 .help = "print the manual page in roff instead; without COMMAND, that of burin itself"}},
    .examples = {{.line = "burin help run", .what = "every option of `run`, with examples"},
                 {.line = "burin help run --man | man -l -", .what = "the same as a manual page"}},
    .run = run,
};

}  // namespace burin::cli
