// When to try again: which failures may pass by themselves, how long to wait, and when to stop trying. Pure: time,
// chance and waiting are handed in.
#pragma once

#include <chrono>
#include <deque>
#include <functional>

#include "base/error.h"
#include "engine/health.h"

namespace burin::engine {

struct RetryPolicy {
  int max_retries = 3;  // attempts after the first one
  std::chrono::milliseconds base_delay{100};
  double backoff_multiplier = 2.0;
  std::chrono::milliseconds max_delay{5000};
  double jitter = 0.25;  // the delay is drawn from this part above and below
};

/** Throws: InvalidArgument (fact "param") for a policy out of range. */
void check(const RetryPolicy& policy);

/** Internal, ResourceExhausted, Network and Busy may pass; what the request or the files are to blame for does not. */
bool is_transient(ErrorCode code);

/**
 * min(max_delay, base_delay * backoff_multiplier^retry), moved by `chance` in [0, 1) within the jitter;
 * retry 0 is the first one.
 */
std::chrono::milliseconds delay_before_retry(const RetryPolicy& policy, int retry, double chance);

/** What a retry needs from outside. */
struct RetryHost {
  std::function<double()> chance;                        // in [0, 1)
  std::function<bool(std::chrono::milliseconds)> sleep;  // false: cancelled meanwhile
  std::function<void(const Error&)> on_spent;            // the last attempt failed, too
};

/**
 * Runs `attempt` until it returns, fails with an error that does not pass, or the retries are spent.
 * Throws: that error, with the fact "attempts"; Cancelled when the wait was.
 */
void with_retries(const RetryPolicy& policy, const RetryHost& host, const std::function<void()>& attempt);

/** Opens after three failures within ten minutes; lets one trial through five minutes after the last one. */
class CircuitBreaker {
 public:
  static constexpr size_t kFailures = 3;
  static constexpr std::chrono::minutes kWindow{10};
  static constexpr std::chrono::minutes kPause{5};

  /** How long to wait before a trial may be made; zero: now. */
  std::chrono::milliseconds closed_for(TimePoint now) const;
  void on_failure(TimePoint now);
  void on_success() { failures_.clear(); }

 private:
  std::deque<TimePoint> failures_;  // the last kFailures
};

}  // namespace burin::engine
