#include "engine/health.h"

#include <gtest/gtest.h>

namespace burin::engine {
namespace {

using std::chrono::seconds;

const TimePoint kStart{};
const Error kFault(ErrorCode::Internal, "test", "it broke");

TEST(HealthMonitor, AnEngineErrorDegradesForAMinute) {
  HealthMonitor health(kStart);
  health.on_failure(kFault, kStart + seconds(1));
  EXPECT_EQ(health.snapshot(kStart + seconds(2)).state, HealthState::Degraded);
  EXPECT_EQ(health.snapshot(kStart + seconds(2)).recent_errors, 1);
  EXPECT_EQ(health.snapshot(kStart + seconds(2)).last_error, ErrorCode::Internal);
  EXPECT_NE(health.snapshot(kStart).reason.find("it broke"), std::string::npos);
  health.on_success(kStart + seconds(30));
  EXPECT_EQ(health.snapshot(kStart + seconds(30)).state, HealthState::Degraded);
  health.on_success(kStart + seconds(62));
  EXPECT_EQ(health.snapshot(kStart + seconds(62)).state, HealthState::Healthy);
  EXPECT_EQ(health.snapshot(kStart + seconds(62)).recent_errors, 0);
}

TEST(HealthMonitor, CallersMistakesAndCancelsLeaveItHealthy) {
  using enum ErrorCode;
  HealthMonitor health(kStart);
  for (const ErrorCode code :
       {InvalidArgument, NotFound, Ambiguous, Network, Permission, Corrupt, Unsupported, Busy, Cancelled}) {
    health.on_failure(Error(code, "test", "no"), kStart);
    health.on_retries_spent(Error(code, "test", "no"), kStart);
  }
  EXPECT_EQ(health.snapshot(kStart).state, HealthState::Healthy);
}

TEST(HealthMonitor, SpentRetriesMakeItUnhealthyAndGoodRequestsDoNotHeal) {
  HealthMonitor health(kStart);
  health.on_failure(kFault, kStart);
  health.on_retries_spent(kFault, kStart);
  health.on_success(kStart + seconds(1000));
  health.on_failure(kFault, kStart + seconds(1001));
  EXPECT_EQ(health.snapshot(kStart + seconds(1001)).state, HealthState::Unhealthy);
  EXPECT_EQ(health.snapshot(kStart + seconds(1001)).since, seconds(1001));
  health.on_load(kStart + seconds(1002));
  EXPECT_EQ(health.snapshot(kStart + seconds(1002)).state, HealthState::Healthy);
}

TEST(HealthMonitor, ThreeGoodRequestsProveARecovery) {
  HealthMonitor health(kStart);
  health.on_recovery_begin(kStart);
  health.on_recovery_end(std::nullopt, kStart);
  for (int i = 0; i < 2; ++i) {
    health.on_success(kStart);
    EXPECT_EQ(health.snapshot(kStart).state, HealthState::Recovering);
  }
  health.on_success(kStart);
  EXPECT_EQ(health.snapshot(kStart).state, HealthState::Healthy);
}

TEST(HealthMonitor, AFailureWhileRecoveringIsUnhealthy) {
  HealthMonitor health(kStart);
  health.on_recovery_begin(kStart);
  health.on_recovery_end(std::nullopt, kStart);
  health.on_success(kStart);
  health.on_failure(kFault, kStart);
  EXPECT_EQ(health.snapshot(kStart).state, HealthState::Unhealthy);
}

TEST(HealthMonitor, AFailedRecoveryIsUnhealthyWhateverTheCode) {
  HealthMonitor health(kStart);
  health.on_recovery_begin(kStart);
  health.on_recovery_end(Error(ErrorCode::NotFound, "test", "gone"), kStart);
  EXPECT_EQ(health.snapshot(kStart).state, HealthState::Unhealthy);
  EXPECT_EQ(health.snapshot(kStart).last_error, ErrorCode::NotFound);
}

}  // namespace
}  // namespace burin::engine
