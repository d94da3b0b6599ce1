#include "hub/deadline.h"

#include <gtest/gtest.h>

namespace burin::hub {
namespace {

using std::chrono::milliseconds;

void wait_for(const std::atomic<bool>& flag) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!flag && std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(milliseconds(5));
  }
}

TEST(Deadline, EndsWhenItsTimeIsOver) {
  const std::atomic<bool> cancel{false};
  const Deadline deadline(cancel, milliseconds(20));
  wait_for(deadline.flag());
  EXPECT_TRUE(deadline.flag());
  EXPECT_TRUE(deadline.is_over());
}

TEST(Deadline, EndsWithTheOtherFlag) {
  std::atomic<bool> cancel{false};
  const Deadline deadline(cancel, std::chrono::hours(1));
  EXPECT_FALSE(deadline.flag());
  cancel = true;
  wait_for(deadline.flag());
  EXPECT_TRUE(deadline.flag());
  EXPECT_FALSE(deadline.is_over());
}

TEST(Deadline, IsTheOtherFlagWithoutALimit) {
  const std::atomic<bool> cancel{false};
  const Deadline deadline(cancel, milliseconds(0));
  EXPECT_EQ(&deadline.flag(), &cancel);
}

}  // namespace
}  // namespace burin::hub
