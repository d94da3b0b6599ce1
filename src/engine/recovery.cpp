#include "engine/recovery.h"

#include <algorithm>
#include <cmath>
#include <string>

namespace burin::engine {
namespace {

using std::chrono::milliseconds;

constexpr int kMaxRetries = 100;
constexpr milliseconds kLongestDelay = std::chrono::hours(1);

void require(bool holds, const char* param, const char* message) {
  if (!holds) {
    throw Error(ErrorCode::InvalidArgument, "retry", message).fact("param", param);
  }
}

}  // namespace

void check(const RetryPolicy& policy) {
  require(policy.max_retries >= 0 && policy.max_retries <= kMaxRetries, "max_retries",
          "max_retries must be from 0 to 100");
  require(policy.base_delay >= milliseconds(0) && policy.base_delay <= kLongestDelay, "base_delay",
          "base_delay must be from 0 to one hour");
  require(policy.max_delay >= milliseconds(0) && policy.max_delay <= kLongestDelay, "max_delay",
          "max_delay must be from 0 to one hour");
  require(policy.backoff_multiplier >= 1.0 && policy.backoff_multiplier <= 1000.0, "backoff_multiplier",
          "backoff_multiplier must be from 1 to 1000");
  require(policy.jitter >= 0.0 && policy.jitter <= 1.0, "jitter", "jitter must be from 0 to 1");
}

bool is_transient(ErrorCode code) {
  return code == ErrorCode::Internal || code == ErrorCode::ResourceExhausted || code == ErrorCode::Network ||
         code == ErrorCode::Busy;
}

milliseconds delay_before_retry(const RetryPolicy& policy, int retry, double chance) {
  const auto longest = static_cast<double>(policy.max_delay.count());
  const double grown = static_cast<double>(policy.base_delay.count()) * std::pow(policy.backoff_multiplier, retry);
  const double moved = std::min(grown, longest) * (1.0 + policy.jitter * (2.0 * chance - 1.0));
  return milliseconds(std::llround(std::min(moved, longest)));
}

void with_retries(const RetryPolicy& policy, const RetryHost& host, const std::function<void()>& attempt) {
  check(policy);
  for (int retry = 0;; ++retry) {
    try {
      attempt();
      return;
    } catch (Error& error) {
      error.fact("attempts", std::to_string(retry + 1));
      if (!is_transient(error.code())) {
        throw;
      }
      if (retry == policy.max_retries) {
        host.on_spent(error);
        throw;
      }
    }
    if (!host.sleep(delay_before_retry(policy, retry, host.chance()))) {
      throw Error(ErrorCode::Cancelled, "retry", "cancelled while waiting for another attempt");
    }
  }
}

milliseconds CircuitBreaker::closed_for(TimePoint now) const {
  if (failures_.size() < kFailures || failures_.back() - failures_.front() > kWindow) {
    return milliseconds(0);
  }
  return std::max(milliseconds(0), std::chrono::ceil<milliseconds>(failures_.back() + kPause - now));
}

void CircuitBreaker::on_failure(TimePoint now) {
  failures_.push_back(now);
  if (failures_.size() > kFailures) {
    failures_.pop_front();
  }
}

}  // namespace burin::engine
