#include <fmt/format.h>

#include "cli/health_report.h"
#include "cli/hub_options.h"
#include "cli/models.h"
#include "cli/pull_display.h"
#include "cli/signals.h"
#include "hub/repair.h"

namespace burin::cli {
namespace {

std::vector<hub::ResolvedModel> models_of(const Context& context) {
  if (context.arguments.has("MODEL")) {
    return {hub::resolve_any(context.arguments.text("MODEL"), context.environment.paths)};
  }
  return hub::all_models(context.environment.paths);
}

hub::PullResult pull_what_is_wrong(Context& context, const hub::CheckedModel& checked) {
  PullDisplay display(context.output, context.output.is_json() ? PullStyle::Silent : PullStyle::People);
  const CancelScope scope;
  return hub::pull(hub::repair_request(checked.model, checked.files), pull_place(context), scope.flag(),
                   display.listener());
}

/** Downloads what is wrong with one model, and looks at it again. Throws: as pull does, and where that was no help. */
hub::CheckedModel repaired(Context& context, const hub::CheckedModel& checked, hub::HealthDepth depth) {
  if (checked.files.healthy()) {
    return checked;
  }
  const hub::PullResult result = pull_what_is_wrong(context, checked);
  hub::CheckedModel again =
      check_model(context, hub::resolve_any(checked.model.name, context.environment.paths), depth);
  hub::require_repaired(again.model, again.files, result);
  return again;
}

Json run(Context& context) {
  const hub::HealthDepth depth = context.arguments.has("--deep") ? hub::HealthDepth::Hashes : hub::HealthDepth::Headers;
  const bool repair = context.arguments.has("--repair");
  if (repair && !context.arguments.has("MODEL")) {
    throw Error(ErrorCode::InvalidArgument, "health", "--repair needs a MODEL")
        .hint("`burin health` shows which are bad");
  }
  std::vector<hub::CheckedModel> all;
  for (const hub::ResolvedModel& model : models_of(context)) {
    all.push_back(check_model(context, model, depth));
    if (repair) {
      all.back() = repaired(context, all.back(), depth);
    }
    if (!context.output.is_json()) {
      context.output.print_untrusted(checked_text(all.back()));
    }
  }
  Json data = hub::health_summary(all, depth);
  if (!context.output.is_json() && all.size() != 1) {
    context.output.note(
        fmt::format("{} models, {} healthy, {} not", all.size(), data["healthy"].size(), data["unhealthy"].size()));
  }
  return data;
}

}  // namespace

extern const Command health_command{
    .name = "health",
    .summary = "check that the files of models are whole, and whether they run here; exit status 0 whatever it finds",
    .positionals = {{.name = kModelPositional.name,
                     .help = "one model (NAME, part of a name, NAME@REVISION, a path); without it, all",
                     .required = false}},
    .options = {{.name = "--deep", .help = "also compare every byte with the hash that names it"},
                {.name = "--repair", .help = "download again what is missing or damaged, file by file"},
                retry_option()},
    .examples = {{.line = "burin health", .what = "all models, in moments: names, sizes, headers, indexes"},
                 {.line = "burin health starter --deep", .what = "one model, every byte"},
                 {.line = "burin health --repair qwen3-0.6b-4bit", .what = "bring back what is missing"}},
    .run = run,
};

}  // namespace burin::cli
