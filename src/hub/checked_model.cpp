#include "hub/checked_model.h"

#include <algorithm>

#include <fmt/format.h>

#include "hub/repair.h"

namespace burin::hub {
CheckedModel checked_model(const ResolvedModel& model, HealthReport files, const RuntimeFacts& facts) {
  return {.model = model, .files = std::move(files), .runtime = check_runtime(ModelFolder(model.dir), facts)};
}

std::string repair_command(const CheckedModel& checked) {
  if (!is_repairable(checked.model, checked.files)) {
    return "";
  }
  const bool deep = std::ranges::any_of(checked.files.problems,
                                        [](const FileProblem& problem) { return problem.code == "hash_mismatch"; });
  return fmt::format("burin health {}--repair {}", deep ? "--deep " : "", checked.model.name);
}

Json checked_object(const CheckedModel& checked, HealthDepth depth) {
  const bool healthy = checked.files.healthy();
  return {
      {"name", checked.model.name},
      {"status", healthy ? "healthy" : "unhealthy"},
      {"reason", null_when_empty(checked.files.reason())},
      {"hash", null_when_empty(checked.model.hash)},
      {"cached", checked.model.cached},
      {"files", health_object(checked.files, depth)},
      {"runtime", {{"compatible", checked.runtime.compatible()}, {"reason", null_when_empty(checked.runtime.reason)}}},
      {"repair", null_when_empty(repair_command(checked))}};
}

Json health_summary(const std::vector<CheckedModel>& checked, HealthDepth depth) {
  Json healthy = Json::array();
  Json unhealthy = Json::array();
  for (const CheckedModel& model : checked) {
    (model.files.healthy() ? healthy : unhealthy).push_back(checked_object(model, depth));
  }
  const Json summary{
      {"total", checked.size()}, {"healthy_count", healthy.size()}, {"unhealthy_count", unhealthy.size()}};
  return {{"healthy", std::move(healthy)}, {"unhealthy", std::move(unhealthy)}, {"summary", summary}};
}

}  // namespace burin::hub
