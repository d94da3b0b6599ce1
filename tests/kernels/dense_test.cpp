#include "kernels/dense.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "kernels/half.h"
#include "kernels/isa.h"
#include "kernels/thread_pool.h"
#include "matrix.h"

namespace burin::kernels {
namespace {

/** Random values that each type holds exactly, `skew` elements off any alignment. */
struct RandomDense {
  RandomDense(ScaleType type, int64_t rows, int64_t columns, int64_t skew = 0) {
    const auto size = static_cast<size_t>(rows * columns);
    floats.resize(size + 1);
    halves.resize(size + 1);
    std::normal_distribution<float> normal;
    for (size_t i = 0; i < size; ++i) {
      const float drawn = normal(random);  // of what float16 has no subnormals for
      const float value = bfloat16_to_float(float_to_bfloat16(std::abs(drawn) < 0.001F ? 0.5F : drawn));
      values.push_back(value);
      floats[i + static_cast<size_t>(skew)] = value;
      const uint32_t bits = std::bit_cast<uint32_t>(value);
      halves[i + static_cast<size_t>(skew)] =
          type == ScaleType::BF16
              ? float_to_bfloat16(value)
              : static_cast<uint16_t>((bits >> 16 & 0x8000) | (((bits >> 13) - (uint32_t{112} << 10)) & 0x7fff));
      if (type == ScaleType::F16) {
        values.back() = float16_to_float(halves[i + static_cast<size_t>(skew)]);
      }
    }
    const void* const data = type == ScaleType::F32 ? static_cast<const void*>(floats.data() + skew)
                                                    : static_cast<const void*>(halves.data() + skew);
    matrix = {data, type, rows, columns};
  }

  std::vector<float> input(int64_t m) { return normal_values(random, m * matrix.columns); }

  std::vector<float> times(const std::vector<float>& x, int64_t m) const {
    std::vector<float> y(static_cast<size_t>(m * matrix.rows), -1.0F);
    dense_matmul(matrix, x.data(), m, y.data());
    return y;
  }

  std::mt19937 random{11};
  std::vector<float> values;
  std::vector<float> floats;
  std::vector<uint16_t> halves;
  DenseMatrix matrix;
};

class DenseMatmul : public ::testing::Test {
 protected:
  static constexpr ScaleType kTypes[] = {ScaleType::F32, ScaleType::F16, ScaleType::BF16};

  void TearDown() override {
    set_isa(supported_isas().back());
    set_pool_threads(0);
  }

  static void expect_product(RandomDense& w, int64_t m) {
    const std::vector<float> x = w.input(m);
    for (const Isa isa : supported_isas()) {
      set_isa(isa);
      const std::vector<float> y = w.times(x, m);
      for (int64_t i = 0; i < m * w.matrix.rows; ++i) {
        double sum = 0;
        double magnitude = 0;
        for (int64_t k = 0; k < w.matrix.columns; ++k) {
          const double term = static_cast<double>(x[static_cast<size_t>(i / w.matrix.rows * w.matrix.columns + k)]) *
                              w.values[static_cast<size_t>(i % w.matrix.rows * w.matrix.columns + k)];
          sum += term;
          magnitude += std::abs(term);
        }
        ASSERT_NEAR(y[static_cast<size_t>(i)], sum, 1e-6 * magnitude)
            << name(isa) << " " << w.matrix.rows << "x" << w.matrix.columns << " m=" << m;
      }
    }
  }
};

TEST_F(DenseMatmul, EveryInstructionSetGivesTheProductAtEveryTail) {
  for (const ScaleType type : kTypes) {
    for (int64_t columns = 0; columns <= 33; ++columns) {
      RandomDense w(type, 1 + columns % 7, columns, columns % 2);
      expect_product(w, 1 + columns % 6);
    }
    for (const int64_t m : {1, 2, 3, 4, 5, 9}) {
      RandomDense w(type, 9, 2 * 1024 + 37, 1);
      expect_product(w, m);
    }
  }
}

TEST_F(DenseMatmul, ARowDoesNotDependOnTheRowsBesideIt) {
  for (const ScaleType type : kTypes) {
    RandomDense w(type, 13, 1024 + 77);
    const std::vector<float> x = w.input(11);
    for (const Isa isa : supported_isas()) {
      set_isa(isa);
      const std::vector<float> together = w.times(x, 11);
      for (int64_t i = 0; i < 11; ++i) {
        const auto row = x.begin() + i * w.matrix.columns;
        const std::vector<float> alone = w.times({row, row + w.matrix.columns}, 1);
        ASSERT_TRUE(std::equal(alone.begin(), alone.end(), together.begin() + i * 13)) << name(isa) << " row " << i;
      }
    }
  }
}

TEST_F(DenseMatmul, SameOnAnyNumberOfThreads) {
  RandomDense w(ScaleType::BF16, 1031, 100);
  const std::vector<float> x = w.input(5);
  set_pool_threads(1);
  const std::vector<float> expected = w.times(x, 5);
  for (const int threads : {2, 7}) {
    set_pool_threads(threads);
    EXPECT_EQ(w.times(x, 5), expected);
  }
}

TEST_F(DenseMatmul, NotANumberReachesItsRowAlone) {
  for (const ScaleType type : kTypes) {
    RandomDense w(type, 6, 40);
    for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
      std::vector<float> x = w.input(2);
      x[39] = bad;
      for (const Isa isa : supported_isas()) {
        set_isa(isa);
        const std::vector<float> y = w.times(x, 2);
        for (size_t i = 0; i < y.size(); ++i) {
          EXPECT_EQ(std::isfinite(y[i]), i >= 6) << name(isa);
        }
      }
    }
  }
}

}  // namespace
}  // namespace burin::kernels
