#include "generate/sort.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <random>
#include <vector>

namespace burin::generate {
namespace {

TEST(RadixSort, AgreesWithTheStandardSort) {
  std::mt19937 random(3);
  std::normal_distribution<float> normal(-9, 6);
  for (const size_t size : {0, 1, 2, 3, 17, 1000, 49152}) {
    std::vector<float> values(size);
    std::ranges::generate(values, [&] { return normal(random); });
    std::vector<float> expected = values;
    std::ranges::sort(expected);
    radix_sort(values);
    ASSERT_EQ(values, expected) << size;
  }
}

TEST(RadixSort, OrdersInfinitiesTiesAndDenormals) {
  const float inf = std::numeric_limits<float>::infinity();
  const float tiny = std::numeric_limits<float>::denorm_min();
  std::vector<float> values{1, inf, -tiny, 1, -inf, 0, tiny, -1, std::numeric_limits<float>::lowest()};
  radix_sort(values);
  EXPECT_EQ(values, (std::vector<float>{-inf, std::numeric_limits<float>::lowest(), -1, -tiny, 0, tiny, 1, 1, inf}));
}

TEST(SortedRows, EachRowByItself) {
  const mlx::core::array x(std::vector<float>{3, 1, 2, -1, -3, -2}.begin(), {2, 3}, mlx::core::float32);
  mlx::core::array sorted = sorted_rows(x);
  mlx::core::eval(sorted);
  EXPECT_EQ(std::vector<float>(sorted.data<float>(), sorted.data<float>() + 6),
            (std::vector<float>{1, 2, 3, -3, -2, -1}));
}

}  // namespace
}  // namespace burin::generate
