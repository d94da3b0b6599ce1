#include <unistd.h>

#include <iostream>

#include <fmt/format.h>

#include "cli/models.h"
#include "hub/remove.h"

namespace burin::cli {
namespace {

std::string described(const hub::RemovalPlan& plan) {
  return plan.revision.empty() ? plan.name : fmt::format("{}@{}", plan.name, plan.revision.substr(0, 12));
}

bool asked_and_agreed(Context& context, const hub::RemovalPlan& plan) {
  const std::string question = fmt::format("remove {} ({})? [y/N] ", described(plan), size_text(plan.freed_bytes));
  context.output.print_untrusted(question);
  std::string answer;
  std::getline(std::cin, answer);
  return answer == "y" || answer == "Y" || answer == "yes";
}

/** A guessed name is nothing to delete by. Throws: InvalidArgument (requires_confirmation + matches), Cancelled. */
void confirm(Context& context, const hub::ModelName& model, const hub::RemovalPlan& plan) {
  const bool forced = context.arguments.has("--force") || context.arguments.has("-f");
  if (model.exact || forced || context.arguments.has("--dry-run")) {
    return;
  }
  const Environment& environment = context.environment;
  if (environment.stdin_terminal && environment.stdout_terminal && !context.output.is_json()) {
    if (!asked_and_agreed(context, plan)) {
      throw Error(ErrorCode::Cancelled, "rm", "nothing was removed");
    }
    return;
  }
  throw Error(ErrorCode::InvalidArgument, "rm",
              fmt::format("\"{}\" is only a part of {}", context.arguments.text("MODEL"), model.name))
      .type("requires_confirmation")
      .fact("matches", dump_json(Json::array({model.name})))
      .hint("spell the name out, or add --force");
}

hub::ModelName name_of(const Context& context) {
  const std::string text = context.arguments.text("MODEL");
  if (hub::is_model_path(text)) {
    throw Error(ErrorCode::InvalidArgument, "rm", "rm takes the name of a model, not a path")
        .type("workspace_model")
        .hint("a folder outside of the model home is yours to delete");
  }
  return hub::find_model_name(text, context.environment.paths);
}

Json run(Context& context) {
  const bool dry_run = context.arguments.has("--dry-run");
  const hub::HubPaths& paths = context.environment.paths;
  if (!dry_run) {
    hub::finish_removals(paths);  // first, so that the rm that was killed can be called again to the same end
  }
  const hub::ModelName model = name_of(context);
  const hub::RemovalPlan plan = hub::plan_removal(model, paths);
  confirm(context, model, plan);
  hub::RemovalResult result{.freed_bytes = plan.freed_bytes};
  if (!dry_run) {
    result = hub::remove_model(plan, paths);
  }
  std::string message = fmt::format("{} {}, {} freed", dry_run ? "would remove" : "removed", described(plan),
                                    size_text(result.freed_bytes));
  if (plan.kept_bytes > 0) {
    message += fmt::format(", {} kept for other revisions", size_text(plan.kept_bytes));
  }
  if (!context.output.is_json()) {
    context.output.print_untrusted(message + "\n");
  }
  Json data = hub::removal_object(plan, result, dry_run);
  data["message"] = message;
  return data;
}

}  // namespace

extern const Command rm_command{
    .name = "rm",
    .summary = "remove a model, or one of its revisions",
    .positionals = {{.name = "MODEL", .help = "name of a model; NAME@REVISION removes that revision only"}},
    .options = {{.name = "--force", .help = "or -f: take a part of a name, without a question"},
                {.name = "-f", .help = "the same", .hidden = true},
                {.name = "--dry-run", .help = "only say what would go and how much that frees"}},
    .examples = {{.line = "burin rm qwen3-0.6b-4bit --dry-run", .what = "what it would free"},
                 {.line = "burin rm mlx-community/Qwen3-0.6B-4bit@a1b2c3",
                  .what = "one revision; files that others share stay"}},
    .run = run,
};

}  // namespace burin::cli
