#include "engine/recovery.h"

#include <vector>

#include <gtest/gtest.h>

namespace burin::engine {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;

/** Counts what a retry asks of it; chance is the middle, so that delays have no jitter. */
struct Host {
  std::vector<milliseconds> slept;
  int spent = 0;
  size_t cancel_at = 1000;

  RetryHost make() {
    return {.chance = [] { return 0.5; },
            .sleep =
                [this](milliseconds duration) {
                  slept.push_back(duration);
                  return slept.size() != cancel_at;
                },
            .on_spent = [this](const Error&) { ++spent; }};
  }
};

ErrorCode code_of(const std::function<void()>& body, std::string* attempts = nullptr) {
  try {
    body();
  } catch (const Error& error) {
    if (attempts != nullptr) {
      *attempts = error.facts().contains("attempts") ? error.facts().at("attempts") : "";
    }
    return error.code();
  }
  ADD_FAILURE() << "nothing was thrown";
  return ErrorCode::Internal;
}

TEST(Retry, DelaysGrowUpToTheCapAndJitterStaysWithinIt) {
  const RetryPolicy policy;
  EXPECT_EQ(delay_before_retry(policy, 0, 0.5), milliseconds(100));
  EXPECT_EQ(delay_before_retry(policy, 2, 0.5), milliseconds(400));
  EXPECT_EQ(delay_before_retry(policy, 90, 0.999), milliseconds(5000));
  EXPECT_EQ(delay_before_retry(policy, 0, 0.0), milliseconds(75));
  EXPECT_EQ(delay_before_retry(policy, 0, 1.0), milliseconds(125));
}

TEST(Retry, TriesAgainUntilItSucceeds) {
  Host host;
  int attempts = 0;
  with_retries({}, host.make(), [&] {
    if (++attempts < 3) {
      throw Error(ErrorCode::ResourceExhausted, "test", "no memory");
    }
  });
  EXPECT_EQ(attempts, 3);
  EXPECT_EQ(host.slept, (std::vector{milliseconds(100), milliseconds(200)}));
  EXPECT_EQ(host.spent, 0);
}

TEST(Retry, GivesUpAfterTheLastRetryAndSaysSo) {
  Host host;
  std::string attempts;
  EXPECT_EQ(code_of(
                [&] {
                  with_retries({.max_retries = 2}, host.make(), [] { throw Error(ErrorCode::Internal, "test", "no"); });
                },
                &attempts),
            ErrorCode::Internal);
  EXPECT_EQ(attempts, "3");
  EXPECT_EQ(host.slept.size(), 2U);
  EXPECT_EQ(host.spent, 1);
}

TEST(Retry, WhatDoesNotPassIsNotTriedAgain) {
  using enum ErrorCode;
  for (const ErrorCode code : {InvalidArgument, NotFound, Ambiguous, Permission, Corrupt, Unsupported, Cancelled}) {
    Host host;
    EXPECT_EQ(code_of([&] { with_retries({}, host.make(), [&] { throw Error(code, "test", "no"); }); }), code);
    EXPECT_TRUE(host.slept.empty());
    EXPECT_EQ(host.spent, 0);
  }
}

TEST(Retry, ACancelledWaitEndsIt) {
  Host host{.cancel_at = 1};
  EXPECT_EQ(code_of([&] { with_retries({}, host.make(), [] { throw Error(ErrorCode::Busy, "test", "no"); }); }),
            ErrorCode::Cancelled);
}

TEST(Retry, APolicyOutOfRangeIsRefusedBeforeTheFirstAttempt) {
  const RetryPolicy bad[] = {{.max_retries = -1},
                             {.max_retries = 101},
                             {.base_delay = milliseconds(-1)},
                             {.backoff_multiplier = 0.5},
                             {.backoff_multiplier = std::numeric_limits<double>::quiet_NaN()},
                             {.max_delay = milliseconds(-1)},
                             {.jitter = 1.5}};
  for (const RetryPolicy& policy : bad) {
    Host host;
    EXPECT_EQ(code_of([&] { with_retries(policy, host.make(), [] { FAIL() << "attempted"; }); }),
              ErrorCode::InvalidArgument);
  }
}

TEST(CircuitBreaker, OpensAfterThreeFailuresAndLetsATrialThrough) {
  CircuitBreaker breaker;
  const TimePoint start{};
  breaker.on_failure(start);
  breaker.on_failure(start + minutes(1));
  EXPECT_EQ(breaker.closed_for(start + minutes(1)), milliseconds(0));
  breaker.on_failure(start + minutes(2));
  EXPECT_EQ(breaker.closed_for(start + minutes(3)), minutes(4));
  EXPECT_EQ(breaker.closed_for(start + minutes(7)), milliseconds(0));
  breaker.on_success();
  EXPECT_EQ(breaker.closed_for(start + minutes(3)), milliseconds(0));
}

TEST(CircuitBreaker, FailuresFarApartDoNotOpenIt) {
  CircuitBreaker breaker;
  for (int i = 0; i < 5; ++i) {
    breaker.on_failure(TimePoint{} + minutes(6 * i));
  }
  EXPECT_EQ(breaker.closed_for(TimePoint{} + minutes(24)), milliseconds(0));
}

}  // namespace
}  // namespace burin::engine
