#include "ops/sampling.h"

#include <limits>

#include "base/error.h"
#include "compare.h"

namespace burin::ops {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

/** In float64: MLX's own sum of 150,000 floats is off by 1e-4. */
TEST(LogSoftmax, IsThatOfFloat64AtEveryLength) {
  for (const int n : {1, 2, 7, 8, 9, 31, 33, 4095, 4096, 4097, 12289, 151936}) {
    const mx::array x = mx::multiply(normal({2, n}, 1), mx::array(5.0F));
    const mx::array wide = mx::astype(x, mx::float64);
    EXPECT_LT(difference(log_softmax(x), wide - mx::logsumexp(wide, -1, true)), 3e-7) << n;
  }
}

TEST(LogSoftmax, WhatIsExcludedStaysSo) {
  const mx::array x = mx::array({1.0F, -kInfinity, 2.0F, -kInfinity}, {1, 4});
  const mx::array out = log_softmax(x);
  EXPECT_EQ(mx::slice(out, {0, 1}, {1, 2}).item<float>(), -kInfinity);
  EXPECT_NEAR(mx::sum(mx::exp(out)).item<float>(), 1.0F, 1e-6);
  const mx::array bad = mx::array({1.0F, std::nanf(""), 2.0F}, {1, 3});
  EXPECT_TRUE(mx::all(mx::isnan(log_softmax(bad))).item<bool>());
}

TEST(KeepLargest, KeepsWhatMlxsPartitionDoes) {
  const mx::array x = normal({3, 5000}, 2);
  for (const int k : {1, 2, 40, 4999}) {
    const mx::array order = mx::argpartition(mx::negative(x), k - 1, -1);
    const mx::array dropped = mx::slice(order, {0, k}, {3, 5000});
    const mx::array expected = mx::put_along_axis(x, dropped, mx::array(-kInfinity), -1);
    EXPECT_TRUE(mx::array_equal(keep_largest(x, k), expected).item<bool>()) << k;
  }
}

TEST(KeepLargest, TheFirstOfEqualOnesStay) {
  const mx::array x = mx::array({1.0F, 3.0F, 1.0F, 1.0F, -kInfinity}, {1, 5});
  const mx::array expected = mx::array({1.0F, 3.0F, 1.0F, -kInfinity, -kInfinity}, {1, 5});
  EXPECT_TRUE(mx::array_equal(keep_largest(x, 3), expected).item<bool>());
  EXPECT_THROW(keep_largest(x, 0), Error);
  EXPECT_THROW(keep_largest(x, 5), Error);
}

mx::array stock_keep_mass(const mx::array& logprobs, float share) {
  const mx::array sorted = mx::sort(logprobs, -1);
  const mx::array probs = mx::exp(sorted);
  const mx::array above = mx::cumsum(probs, -1, true, false);
  const mx::array dropped = mx::sum(mx::greater_equal(above, mx::array(share)), -1, true);
  return mx::where(mx::less(logprobs, mx::take_along_axis(sorted, dropped, -1)), mx::array(-kInfinity), logprobs);
}

TEST(KeepMass, KeepsWhatSortingTheRowWould) {
  for (const float spread : {0.1F, 1.0F, 4.0F, 20.0F}) {  // from nearly all tokens to one
    const mx::array logprobs = log_softmax(mx::multiply(normal({4, 20000}, 5), mx::array(spread)));
    for (const float share : {0.01F, 0.5F, 0.9F, 0.95F}) {
      EXPECT_TRUE(mx::array_equal(keep_mass(logprobs, share), stock_keep_mass(logprobs, share)).item<bool>())
          << spread << " " << share;
    }
  }
}

TEST(KeepMass, EqualTokensAndExcludedOnes) {
  const mx::array logprobs = log_softmax(mx::array({2.0F, 2.0F, 1.0F, -kInfinity}, {1, 4}));
  const mx::array expected = mx::where(mx::greater(logprobs, mx::array(-1.0F)), logprobs, mx::array(-kInfinity));
  EXPECT_TRUE(mx::array_equal(keep_mass(logprobs, 0.1), expected).item<bool>());
  EXPECT_TRUE(mx::array_equal(keep_mass(logprobs, 0.9999), logprobs).item<bool>());
}

TEST(KeepAllowed, KeepsWhatHasItsBit) {
  for (const int n : {1, 31, 32, 33, 1000}) {
    const int width = (n + 31) / 32;
    mx::array x = normal({2, n}, 7);
    mx::eval(x);
    std::vector<uint32_t> words;
    std::vector<float> expected;
    for (int row = 0; row < 2; ++row) {
      for (int w = 0; w < width; ++w) {
        words.push_back(w % 3 == 0 ? 0x80000001U * (w + 3U) : w % 3 == 1 ? 0U : ~0U);
      }
      for (int i = 0; i < n; ++i) {
        const bool kept = (words[row * width + i / 32] >> (i % 32) & 1U) != 0;
        expected.push_back(kept ? x.data<float>()[row * n + i] : -kInfinity);
      }
    }
    const mx::array out = keep_allowed(x, mx::array(words.data(), {2, width}, mx::uint32));
    EXPECT_TRUE(mx::array_equal(out, mx::array(expected.data(), {2, n})).item<bool>()) << n;
    const mx::array half = mx::astype(x, mx::float16);  // no kernel: the stock form
    const mx::array stock = keep_allowed(half, mx::array(words.data(), {2, width}, mx::uint32));
    EXPECT_TRUE(mx::array_equal(mx::isinf(stock), mx::isinf(out)).item<bool>()) << n;
  }
}

TEST(KeepAllowed, NeedsABitForEachElement) {
  const mx::array x = normal({1, 33}, 1);
  EXPECT_THROW(keep_allowed(x, mx::array({1U}, {1, 1})), Error);
  EXPECT_THROW(keep_allowed(x, mx::array({1.0F, 1.0F}, {1, 2})), Error);
}

}  // namespace
}  // namespace burin::ops
