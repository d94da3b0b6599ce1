#include "cli/health_report.h"

#include <algorithm>

#include <fmt/format.h>

#include "cli/models.h"
#include "cli/signals.h"

namespace burin::cli {
namespace {

constexpr size_t kShownProblems = 10;

}  // namespace

hub::CheckedModel check_model(Context& context, const hub::ResolvedModel& model, hub::HealthDepth depth) {
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
  return hub::checked_model(model, std::move(files), runtime_facts(context));
}

std::string checked_text(const hub::CheckedModel& checked) {
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
  const std::string repair = hub::repair_command(checked);
  return repair.empty() ? text : text + "  repair: " + repair + "\n";
}

}  // namespace burin::cli
