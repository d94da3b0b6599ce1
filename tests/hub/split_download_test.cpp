#include "hub/split_download.h"

#include <thread>

#include <gtest/gtest.h>

namespace burin::hub {
namespace {

constexpr SplitPolicy kEager{
    .piece = 10, .ahead = 40, .least_rest = 20, .slow_bytes_per_s = 1e12, .after = {}, .helpers = 2};

TEST(SplitDownload, LetsNobodyHelpWhatIsFastYoungOrNearlyDone) {
  SplitPolicy fast = kEager;
  fast.slow_bytes_per_s = 0;
  EXPECT_FALSE(SplitDownload(0, 100, fast).enter());
  SplitPolicy young = kEager;
  young.after = std::chrono::hours(1);
  EXPECT_FALSE(SplitDownload(0, 100, young).enter());
  EXPECT_FALSE(SplitDownload(81, 100, kEager).enter());
}

TEST(SplitDownload, EndsTheStreamAndGivesAwayTheRest) {
  SplitDownload split(5, 100, kEager);
  int splits = 0;
  split.on_split = [&] { ++splits; };
  EXPECT_EQ(split.stream_end(), 100U);
  EXPECT_TRUE(split.enter());
  EXPECT_TRUE(split.enter());
  EXPECT_FALSE(split.enter());
  EXPECT_EQ(splits, 1);
  EXPECT_EQ(split.stream_end(), 15U);
  EXPECT_EQ(split.claim(false)->begin, 15U);
  EXPECT_EQ(split.claim(false)->begin, 25U);
}

TEST(SplitDownload, KnowsTheFirstHole) {
  SplitDownload split(5, 100, kEager);
  split.on_split = [] {};
  ASSERT_TRUE(split.enter());
  EXPECT_EQ(split.written(25, 35), 5U);
  EXPECT_EQ(split.written(5, 10), 10U);
  EXPECT_EQ(split.written(15, 25), 10U);
  EXPECT_EQ(split.written(5, 15), 35U);
  EXPECT_EQ(split.total(), 35U);
}

TEST(SplitDownload, StaysWithinABoundOfTheFirstHole) {
  SplitDownload split(0, 1000, kEager);
  split.on_split = [] {};
  ASSERT_TRUE(split.enter());
  for (const uint64_t begin : {10U, 20U, 30U}) {
    EXPECT_EQ(split.claim(false)->begin, begin);
  }
  EXPECT_FALSE(split.claim(false));
  split.written(0, 10);
  EXPECT_EQ(split.claim(false)->begin, 40U);
}

TEST(SplitDownload, TakesBackWhatWasNotBrought) {
  SplitDownload split(0, 100, kEager);
  split.on_split = [] {};
  ASSERT_TRUE(split.enter());
  const Piece piece = *split.claim(false);
  split.give_back({.begin = piece.begin + 3, .end = piece.end});
  split.leave();
  EXPECT_FALSE(split.enter());
  EXPECT_EQ(split.claim(false)->begin, piece.begin + 3);
}

TEST(SplitDownload, WaitsForItsHelpersWhenItCloses) {
  SplitDownload split(0, 1000, kEager);
  split.on_split = [] {};
  ASSERT_TRUE(split.enter());
  std::thread helper([&] {
    while (split.claim(true)) {
    }
    split.leave();
  });
  split.close();
  EXPECT_FALSE(split.enter());
  helper.join();
}

}  // namespace
}  // namespace burin::hub
