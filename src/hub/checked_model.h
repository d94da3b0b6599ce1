// Both verdicts on one model, kept apart: whether its files are whole, and whether this burin can run it here.
#pragma once

#include <string>

#include "hub/health.h"
#include "hub/runtime_check.h"

namespace burin::hub {

struct CheckedModel {
  ResolvedModel model;
  HealthReport files;
  RuntimeVerdict runtime;
};

CheckedModel checked_model(const ResolvedModel& model, HealthReport files, const RuntimeFacts& facts);

/** What repairs it, for a shell; empty where no download can. Only --deep finds again what is only wrong by its hash.
 */
std::string repair_command(const CheckedModel& checked);

/** {name, status, reason, hash, cached, files{..}, runtime{compatible, reason}, repair}. */
Json checked_object(const CheckedModel& checked, HealthDepth depth);

/** {healthy[..], unhealthy[..], summary{total, healthy_count, unhealthy_count}}. */
Json health_summary(const std::vector<CheckedModel>& checked, HealthDepth depth);

}  // namespace burin::hub
