// The engine's state of health, from what its requests and recoveries came to. Pure: time is handed in.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "base/error.h"

namespace burin::engine {

using TimePoint = std::chrono::steady_clock::time_point;

enum class HealthState { Healthy, Degraded, Unhealthy, Recovering };

/** "healthy", "degraded", "unhealthy", "recovering". */
std::string_view to_string(HealthState state);

struct HealthSnapshot {
  HealthState state = HealthState::Healthy;
  std::chrono::milliseconds since{0};  // how long the state holds
  std::string reason;                  // one sentence; empty while healthy
  int recent_errors = 0;               // of the engine, within the window
  std::optional<ErrorCode> last_error;
};

/** Whether a failure says something about the engine; a bad request, an unknown name or a cancel does not. */
bool is_engine_fault(ErrorCode code);

/**
 * Healthy; degraded while an engine error is younger than the window; unhealthy when retries are spent or a recovery
 * failed; recovering until good requests in a row prove a recovery. One good request after the window makes
 * a degraded engine healthy; an unhealthy one needs a recovery or a load. Threads: not safe by itself.
 */
class HealthMonitor {
 public:
  static constexpr std::chrono::seconds kWindow{60};
  static constexpr int kGoodRequestsToRecover = 3;

  explicit HealthMonitor(TimePoint now) : since_(now) {}

  void on_load(TimePoint now);
  void on_success(TimePoint now);
  /** Anything but an engine fault leaves the state as it is. */
  void on_failure(const Error& error, TimePoint now);
  void on_retries_spent(const Error& error, TimePoint now);
  void on_recovery_begin(TimePoint now);
  void on_recovery_end(const std::optional<Error>& failure, TimePoint now);

  HealthSnapshot snapshot(TimePoint now) const;

 private:
  void enter(HealthState state, std::string reason, TimePoint now);
  int recent_errors(TimePoint now) const;

  HealthState state_ = HealthState::Healthy;
  TimePoint since_;
  std::string reason_;
  std::deque<TimePoint> errors_;
  std::optional<ErrorCode> last_error_;
  int good_requests_ = 0;
};

}  // namespace burin::engine
