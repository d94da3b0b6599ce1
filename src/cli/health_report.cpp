#include "cli/health_report.h"

#include <algorithm>

#include <fmt/format.h>

#include "cli/models.h"
#include "cli/signals.h"
#include "hub/model_folder.h"
#include "hub/repair.h"

namespace burin::cli {
namespace {

constexpr size_t kShownProblems = 10;

/** Only --deep finds again what is only wrong by its hash. */
std::string repair_command(const CheckedModel& checked) {
  if (!hub::is_repairable(checked.model, checked.files)) {
    return "";
  }
  const bool deep = std::ranges::any_of(
      checked.files.problems, [](const hub::FileProblem& problem) { return problem.code == "hash_mismatch"; });
  return fmt::format("burin health {}--repair {}", deep ? "--deep " : "", checked.model.name);
}

Json null_when_empty(const std::string& text) {
  return text.empty() ? Json(nullptr) : Json(text);
}

}  // namespace

CheckedModel check_model(Context& context, const hub::ResolvedModel& model, hub::HealthDepth depth) {
  const CancelScope scope;
  hub::HealthOptions options{.depth = depth, .cancelled = &scope.flag()};
  options.on_progress = [&](uint64_t done, uint64_t total) {
    const double percent = total == 0 ? 100.0 : 100.0 * static_cast<double>(done) / static_cast<double>(total);
    context.output.progress(
        fmt::format("{} {:3.0f}% {} of {}", model.name, percent, size_text(done), size_text(total)));
  };
  hub::HealthReport files = hub::check_health(model, options);
  context.output.progress("");
  scope.check();
  return {.model = model,
          .files = std::move(files),
          .runtime = hub::check_runtime(hub::ModelFolder(model.dir), runtime_facts(context))};
}

Json checked_object(const CheckedModel& checked, hub::HealthDepth depth) {
  const bool healthy = checked.files.healthy();
  return {
      {"name", checked.model.name},
      {"status", healthy ? "healthy" : "unhealthy"},
      {"reason", null_when_empty(checked.files.reason())},
      {"hash", null_when_empty(checked.model.hash)},
      {"cached", checked.model.cached},
      {"files", hub::health_object(checked.files, depth)},
      {"runtime", {{"compatible", checked.runtime.compatible()}, {"reason", null_when_empty(checked.runtime.reason)}}},
      {"repair", null_when_empty(repair_command(checked))}};
}

std::string checked_text(const CheckedModel& checked) {
  const std::string runtime =
      checked.runtime.compatible() ? "runs here" : "does not run here: " + checked.runtime.reason;
  std::string text = fmt::format("{}: {}; {}\n", checked.model.name, hub::name(checked.files.verdict), runtime);
  const auto& problems = checked.files.problems;
  for (size_t i = 0; i < std::min(problems.size(), kShownProblems); ++i) {
    const hub::FileProblem& problem = problems[i];
    text += fmt::format("  {}: {}\n", problem.file, problem.message);
    if (problem.code == "hash_mismatch") {
      text += fmt::format("    expected {}\n    found    {}\n", problem.expected, problem.found);
    }
  }
  if (problems.size() > kShownProblems) {
    text += fmt::format("  and {} more, all of them with --json\n", problems.size() - kShownProblems);
  }
  const std::string repair = repair_command(checked);
  return repair.empty() ? text : text + "  repair: " + repair + "\n";
}

}  // namespace burin::cli
