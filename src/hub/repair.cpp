#include "hub/repair.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/error.h"
#include "hub/patterns.h"

namespace burin::hub {

bool is_repairable(const ResolvedModel& model, const HealthReport& report) {
  return model.cached && (report.verdict == Verdict::Incomplete || report.verdict == Verdict::Corrupt);
}

PullRequest repair_request(const ResolvedModel& model, const HealthReport& report) {
  if (!model.cached) {
    throw Error(ErrorCode::Unsupported, "health", model.name + " was not downloaded, so no download can repair it")
        .hint("import it, clone it or copy it again");
  }
  PullRequest request{.model = model.name, .revision = model.hash, .include = {}, .exclude = {}, .check_all = true};
  for (const FileProblem& problem : report.problems) {
    const bool repairable = problem.verdict == Verdict::Incomplete || problem.verdict == Verdict::Corrupt;
    // A partial download without a list has no name: a download of everything finds its file.
    if (repairable && (problem.file.starts_with("blobs/") || problem.file.starts_with("refs/"))) {
      request.include.clear();
      return request;
    }
    if (repairable) {
      request.include.push_back(literal_pattern(problem.file));
    }
  }
  std::ranges::sort(request.include);
  return request;
}

void require_repaired(const ResolvedModel& model, const HealthReport& report, const PullResult& result) {
  if (report.healthy()) {
    return;
  }
  const bool asked = result.note.empty();
  throw Error(asked ? ErrorCode::Corrupt : ErrorCode::Network, "health",
              fmt::format("{} is not repaired: {}{}", model.name, report.reason(), asked ? "" : "; " + result.note))
      .hint(asked ? "the repository itself lacks it: `burin rm` the model, or ask its owner"
                  : "run the command again with the network at hand");
}

}  // namespace burin::hub
