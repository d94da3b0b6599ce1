#include "engine/health.h"

#include <array>
#include <utility>

#include <fmt/format.h>

namespace burin::engine {

std::string_view to_string(HealthState state) {
  static constexpr std::array<std::string_view, 4> kNames{"healthy", "degraded", "unhealthy", "recovering"};
  return kNames.at(static_cast<size_t>(state));
}

bool is_engine_fault(ErrorCode code) {
  return code == ErrorCode::Internal || code == ErrorCode::ResourceExhausted;
}

void HealthMonitor::on_load(TimePoint now) {
  errors_.clear();
  last_error_.reset();
  enter(HealthState::Healthy, "", now);
}

void HealthMonitor::on_success(TimePoint now) {
  if (state_ == HealthState::Recovering && ++good_requests_ >= kGoodRequestsToRecover) {
    enter(HealthState::Healthy, "", now);
  } else if (state_ == HealthState::Degraded && recent_errors(now) == 0) {
    enter(HealthState::Healthy, "", now);
  }
}

void HealthMonitor::on_failure(const Error& error, TimePoint now) {
  if (!is_engine_fault(error.code())) {
    return;
  }
  while (!errors_.empty() && now - errors_.front() > kWindow) {
    errors_.pop_front();
  }
  errors_.push_back(now);
  last_error_ = error.code();
  if (state_ == HealthState::Recovering) {
    enter(HealthState::Unhealthy, fmt::format("failed again after a recovery: {}", error.message()), now);
  } else if (state_ != HealthState::Unhealthy) {
    enter(HealthState::Degraded, fmt::format("a request failed: {}", error.message()), now);
  }
}

void HealthMonitor::on_retries_spent(const Error& error, TimePoint now) {
  if (is_engine_fault(error.code())) {
    enter(HealthState::Unhealthy, fmt::format("all retries failed: {}", error.message()), now);
  }
}

void HealthMonitor::on_recovery_begin(TimePoint now) {
  enter(HealthState::Recovering, "the model is being loaded again", now);
}

void HealthMonitor::on_recovery_end(const std::optional<Error>& failure, TimePoint now) {
  if (failure) {
    last_error_ = failure->code();
    enter(HealthState::Unhealthy, fmt::format("the recovery failed: {}", failure->message()), now);
  } else {
    enter(HealthState::Recovering, "loaded again; some good requests make it healthy", now);
  }
}

HealthSnapshot HealthMonitor::snapshot(TimePoint now) const {
  return {.state = state_,
          .since = std::chrono::duration_cast<std::chrono::milliseconds>(now - since_),
          .reason = reason_,
          .recent_errors = recent_errors(now),
          .last_error = last_error_};
}

void HealthMonitor::enter(HealthState state, std::string reason, TimePoint now) {
  if (state != state_) {
    since_ = now;
  }
  state_ = state;
  reason_ = std::move(reason);
  good_requests_ = 0;
}

int HealthMonitor::recent_errors(TimePoint now) const {
  int count = 0;
  for (const TimePoint at : errors_) {
    count += now - at <= kWindow ? 1 : 0;
  }
  return count;
}

}  // namespace burin::engine
