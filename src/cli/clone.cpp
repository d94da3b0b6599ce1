#include <fmt/format.h>

#include "cli/models.h"
#include "cli/signals.h"
#include "hub/cache.h"
#include "hub/clone.h"

namespace burin::cli {
namespace {

namespace fs = std::filesystem;

/** DIR as a path, or as a name in the model home; without it the model's own last name there. */
fs::path target_of(const Context& context, const hub::ResolvedModel& model) {
  const std::string given = context.arguments.text("DIR");
  if (hub::is_model_path(given)) {
    return hub::expand(given, context.environment.variables);
  }
  const std::string name = given.empty() ? model.name.substr(model.name.rfind('/') + 1) : given;
  if (context.environment.paths.model_home.empty()) {
    throw Error(ErrorCode::InvalidArgument, "clone", "there is no model home").hint("set BURIN_MODELS");
  }
  if (!hub::is_repo_name(name)) {
    throw Error(ErrorCode::InvalidArgument, "clone", "\"" + name + "\" cannot name a model")
        .hint("a name has letters, digits, _ . and -; a path begins with / ./ ../ or ~");
  }
  return context.environment.paths.model_home / name;
}

Json run(Context& context) {
  const hub::ResolvedModel model = model_of(context);
  const fs::path target = target_of(context, model);
  const CancelScope scope;
  const bool check = !context.arguments.has("--no-health-check");
  hub::CloneOptions options{.target = target, .check_health = check, .cancelled = &scope.flag()};
  options.on_progress = [&](uint64_t done, uint64_t total) {
    context.output.progress(fmt::format("copying {} {} of {}", model.name, size_text(done), size_text(total)));
  };
  const hub::CloneResult result = hub::clone_model(model, options);
  context.output.progress("");
  const std::string message =
      fmt::format("cloned {} ({}) to {}", model.name, size_text(result.size_bytes), target.string());
  if (!context.output.is_json()) {
    context.output.print_untrusted(message + "\n");
  }
  const std::string reason = result.health.reason();
  return {{"model", model.name},
          {"clone_status", "success"},
          {"message", message},
          {"target_dir", target.string()},
          {"health_check", check},
          {"health", result.health.healthy() ? "healthy" : "unhealthy"},
          {"health_reason", reason.empty() ? Json(nullptr) : Json(reason)},
          {"hash", model.hash},
          {"size_bytes", result.size_bytes}};
}

}  // namespace

extern const Command clone_command{
    .name = "clone",
    .summary = "copy a cached model into a folder of its own, to be changed there",
    .positionals = {kModelPositional,
                    {.name = "DIR",
                     .help = "a name in the model home (default: the model's own), or a path",
                     .required = false}},
    .options = {{.name = "--no-health-check", .help = "clone a model that is not whole too"}},
    .examples = {{.line = "burin clone qwen3-0.6b-4bit mine", .what = "then: burin run mine"},
                 {.line = "burin clone qwen3-0.6b-4bit ./work", .what = "into a folder here"}},
    .run = run,
};

}  // namespace burin::cli
