#include "hub/repair.h"

#include <algorithm>

#include "base/error.h"
#include "hub/digest.h"
#include "hub/model_folder.h"

namespace burin::hub {

bool is_repairable(const ResolvedModel& model, const HealthReport& report) {
  return model.cached && (report.verdict == Verdict::Incomplete || report.verdict == Verdict::Corrupt);
}

RepairRequest repair_request(const ResolvedModel& model, const HealthReport& report) {
  if (!model.cached) {
    throw Error(ErrorCode::Unsupported, "health", model.name + " was not downloaded, so no download can repair it")
        .hint("import it, clone it or copy it again");
  }
  RepairRequest request{.repo = model.name, .revision = model.hash, .files = {}, .bad_blobs = {}};
  const ModelFolder folder(model.dir);
  for (const FileProblem& problem : report.problems) {
    const bool repairable = problem.verdict == Verdict::Incomplete || problem.verdict == Verdict::Corrupt;
    // A partial download without a list has no name: a download of everything finds its file.
    if (!repairable || problem.file.starts_with("blobs/") || problem.file.starts_with("refs/")) {
      continue;
    }
    request.files.push_back(problem.file);
    const std::string blob = folder.blob_name(problem.file);
    if (problem.verdict == Verdict::Corrupt && is_etag(blob)) {
      request.bad_blobs.push_back(blob);
    }
  }
  std::ranges::sort(request.files);
  return request;
}

}  // namespace burin::hub
