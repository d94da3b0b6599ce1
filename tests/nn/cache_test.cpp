#include "nn/cache.h"

#include <gtest/gtest.h>

namespace burin::nn {
namespace {

/** Tokens first..first+count-1 of one head with one dimension, each holding its own number. */
mx::array numbered(int first, int count) {
  return mx::reshape(mx::arange(first, first + count, 1, mx::float32), {1, 1, count, 1});
}

std::vector<float> values(const mx::array& a) {
  mx::array flat = mx::contiguous(mx::flatten(a));
  flat.eval();
  return {flat.data<float>(), flat.data<float>() + flat.size()};
}

std::vector<bool> row(const mx::array& mask, int index) {
  mx::array one = mx::contiguous(mx::take(mask, index, 0));
  one.eval();
  return std::vector<bool>(one.data<bool>(), one.data<bool>() + one.size());
}

TEST(KVCache, ReturnsWhatWasAppendedAcrossItsGrowthStep) {
  KVCache cache;
  cache.update_and_fetch(numbered(0, 255), numbered(0, 255));
  for (int i = 255; i < 300; ++i) {
    cache.update_and_fetch(numbered(i, 1), numbered(i, 1));
  }
  const auto [keys, ignored] = cache.update_and_fetch(numbered(300, 3), numbered(300, 3));
  const std::vector<float> all = values(keys);
  ASSERT_EQ(all.size(), 303U);
  EXPECT_EQ(all[254], 254.0F);
  EXPECT_EQ(all[302], 302.0F);
}

TEST(KVCache, TrimForgetsTheNewest) {
  KVCache cache;
  cache.update_and_fetch(numbered(0, 5), numbered(0, 5));
  EXPECT_EQ(cache.trim(2), 2);
  const auto [keys, ignored] = cache.update_and_fetch(numbered(9, 1), numbered(9, 1));
  EXPECT_EQ(values(keys), (std::vector<float>{0, 1, 2, 9}));
  EXPECT_EQ(cache.trim(99), 4);
}

TEST(RotatingKVCache, OverwritesTheOldestToken) {
  RotatingKVCache cache(4);
  std::vector<float> last;
  for (int i = 0; i < 6; ++i) {
    last = values(cache.update_and_fetch(numbered(i, 1), numbered(i, 1)).first);
  }
  EXPECT_EQ(last, (std::vector<float>{4, 5, 2, 3}));
  EXPECT_EQ(cache.offset(), 6);
  EXPECT_FALSE(cache.is_trimmable(1));
}

TEST(RotatingKVCache, KeepsTheFirstTokensWhenItWraps) {
  RotatingKVCache cache(4, 2);
  std::vector<float> last;
  for (int i = 0; i < 6; ++i) {
    last = values(cache.update_and_fetch(numbered(i, 1), numbered(i, 1)).first);
  }
  EXPECT_EQ(last, (std::vector<float>{0, 1, 4, 5}));
}

TEST(RotatingKVCache, PutsTokensInOrderBeforeAChunk) {
  RotatingKVCache cache(4);
  for (int i = 0; i < 6; ++i) {
    cache.update_and_fetch(numbered(i, 1), numbered(i, 1));
  }
  EXPECT_EQ(values(cache.update_and_fetch(numbered(6, 2), numbered(6, 2)).first), (std::vector<float>{3, 4, 5, 6, 7}));
  EXPECT_EQ(values(cache.update_and_fetch(numbered(8, 1), numbered(8, 1)).first).size(), 4U);
}

TEST(RotatingKVCache, MaskSeesExactlyTheWindow) {
  RotatingKVCache cache(4);
  EXPECT_EQ(cache.make_mask(4, 4).kind, ops::Mask::Kind::Causal);
  EXPECT_EQ(cache.make_mask(1, 4).kind, ops::Mask::Kind::None);
  const ops::Mask mask = cache.make_mask(6, 4);
  ASSERT_EQ(mask.kind, ops::Mask::Kind::Array);
  EXPECT_EQ(row(*mask.array, 5), (std::vector<bool>{false, false, true, true, true, true}));
  EXPECT_EQ(row(*mask.array, 0), (std::vector<bool>{true, false, false, false, false, false}));
}

}  // namespace
}  // namespace burin::nn
