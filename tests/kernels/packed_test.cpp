#include "kernels/packed.h"

#include <gtest/gtest.h>

#include <limits>

#include "kernels/isa.h"
#include "kernels/thread_pool.h"
#include "matrix.h"

namespace burin::kernels {
namespace {

/** A random matrix, packed. */
struct Packed {
  Packed(const MatrixCase& shape, uint32_t seed, const uint32_t* code = nullptr) : plain(shape, seed, code) {
    const QuantizedMatrix from = plain.view();
    matrix = packed_form(from);
    memory.resize(static_cast<size_t>(matrix.nbytes()));
    pack(from, 0, matrix.panels(), memory.data());
    matrix.data = memory.data();
  }

  std::vector<float> times(const std::vector<float>& x, int64_t m, const Rounding& rounding = {}) const {
    std::vector<float> y(static_cast<size_t>(m * matrix.rows), -1.0F);
    packed_matmul(matrix, x.data(), m, rounding, y.data());
    return y;
  }

  RandomMatrix plain;
  PackedMatrix matrix;
  std::vector<std::byte> memory;
};

class PackedMatmul : public ::testing::Test {
 protected:
  void TearDown() override {
    set_isa(supported_isas().back());
    set_pool_threads(0);
  }

  /** Rows around a panel's height; all groups, scales and widths. */
  static std::vector<MatrixCase> cases() {
    std::vector<MatrixCase> all;
    for (const int64_t rows : {1, 15, 16, 17, 33, 70}) {
      all.push_back({rows, (1 + rows % 4) * 32, 4, 32, ScaleType::E8M0});
      all.push_back({rows, (1 + rows % 4) * 32, 4, 16, ScaleType::E4M3});
    }
    for (const int bits : {2, 3, 4, 5, 6, 8}) {
      for (const int group : {32, 64, 128}) {
        for (const ScaleType type : {ScaleType::F32, ScaleType::F16, ScaleType::BF16}) {
          for (const int64_t rows : {1, 15, 16, 17, 33}) {
            all.push_back({rows, (1 + rows % 4) * group, bits, group, type});
          }
        }
      }
    }
    return all;
  }
};

/** Every third part has an outlier. */
std::vector<float> input_with_outliers(Packed& w, int64_t m) {
  std::vector<float> x = w.plain.random_input(m);
  for (size_t i = 5; i < x.size(); i += 96) {
    x[i] *= 40.0F;
  }
  return x;
}

TEST_F(PackedMatmul, RowsComeBackBitForBit) {
  for (const MatrixCase& shape : cases()) {
    const Packed w(shape, 3);
    for (int32_t row = 0; row < shape.rows; ++row) {
      std::vector<float> out(static_cast<size_t>(shape.columns));
      dequantize_packed_rows(w.matrix, &row, 1, out.data());
      const auto expected = w.plain.values().begin() + row * shape.columns;
      ASSERT_TRUE(std::equal(out.begin(), out.end(), expected)) << shape.bits << " bits, row " << row;
    }
  }
}

/** Sums of integers, fused in one order: nothing is left to differ. */
TEST_F(PackedMatmul, EveryInstructionSetEqualsTheScalarFormBitForBit) {
  for (const MatrixCase& shape : cases()) {
    Packed w(shape, 1);
    for (const int64_t m : {1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 17}) {
      const std::vector<float> x = input_with_outliers(w, m);
      for (const float bound : {0.0F, Rounding{}.bound, 1e9F}) {
        set_isa(Isa::Scalar);
        const std::vector<float> scalar = w.times(x, m, {bound});
        for (const Isa isa : supported_isas()) {
          set_isa(isa);
          ASSERT_EQ(w.times(x, m, {bound}), scalar) << name(isa) << ", " << shape.bits << " bits, m=" << m;
        }
      }
    }
  }
}

TEST_F(PackedMatmul, TransposedIsTheProductWithTheValues) {
  for (const MatrixCase& shape : cases()) {
    const Packed w(shape, 13);
    const int64_t m = 1 + shape.rows % 9;
    RandomMatrix other({1, shape.rows * 32, 4, 32}, 3);  // for its random numbers
    const std::vector<float> dy = other.random_input(m);
    for (const Isa isa : supported_isas()) {
      set_isa(isa);
      std::vector<float> dx(static_cast<size_t>(m * shape.columns), -1.0F);
      packed_matmul_transposed(w.matrix, dy.data(), m, dx.data());
      for (int64_t i = 0; i < m * shape.columns; ++i) {
        double sum = 0;
        double magnitude = 0;
        for (int64_t r = 0; r < shape.rows; ++r) {
          const double term = static_cast<double>(dy[static_cast<size_t>(i / shape.columns * shape.rows + r)]) *
                              w.plain.values()[static_cast<size_t>(r * shape.columns + i % shape.columns)];
          sum += term;
          magnitude += std::abs(term);
        }
        ASSERT_NEAR(dx[static_cast<size_t>(i)], sum, 1e-6 * magnitude) << name(isa) << ", " << shape.bits << " bits";
      }
    }
  }
}

TEST_F(PackedMatmul, StaysWithinTheErrorOfItsRounding) {
  for (const MatrixCase& shape : cases()) {
    Packed w(shape, 2);
    const std::vector<float> x = w.plain.random_input(3);
    std::vector<double> expected;
    std::vector<double> magnitude;
    w.plain.product(x, 3, expected, magnitude);
    const std::vector<float> one = w.times(x, 3);
    const std::vector<float> two = w.times(x, 3, {.bound = 0.0F});
    for (size_t i = 0; i < one.size(); ++i) {
      ASSERT_NEAR(one[i], expected[i], 0.012 * magnitude[i]);
      ASSERT_NEAR(two[i], expected[i], 6e-5 * magnitude[i]);
    }
  }
}

TEST_F(PackedMatmul, OutliersDoNotCostTheOthersTheirPrecision) {
  Packed w({48, 256, 4, 64, ScaleType::BF16}, 12);
  const std::vector<float> x = input_with_outliers(w, 4);
  std::vector<double> expected;
  std::vector<double> magnitude;
  w.plain.product(x, 4, expected, magnitude);
  const std::vector<float> y = w.times(x, 4);
  const std::vector<float> coarse = w.times(x, 4, {.bound = 1e9F});
  double error = 0.0;
  double coarse_error = 0.0;
  for (size_t i = 0; i < y.size(); ++i) {
    error += std::abs(y[i] - expected[i]);
    coarse_error += std::abs(coarse[i] - expected[i]);
  }
  EXPECT_LT(error, coarse_error / 3);
}

TEST_F(PackedMatmul, ARowDoesNotDependOnTheRowsBesideIt) {
  for (const MatrixCase& shape : {MatrixCase{40, 192, 4, 64, ScaleType::BF16},
                                  {40, 192, 4, 32, ScaleType::E8M0},
                                  {40, 192, 4, 16, ScaleType::E4M3}}) {
    Packed w(shape, 5);
    const std::vector<float> x = input_with_outliers(w, 21);
    for (const Isa isa : supported_isas()) {
      set_isa(isa);
      const std::vector<float> together = w.times(x, 21);
      for (int64_t m = 0; m < 21; ++m) {
        const std::vector<float> row(x.begin() + m * 192, x.begin() + (m + 1) * 192);
        const std::vector<float> alone = w.times(row, 1);
        ASSERT_TRUE(std::equal(alone.begin(), alone.end(), together.begin() + m * 40)) << name(isa) << " row " << m;
      }
    }
  }
}

/** Matrices of one code: the one that weighs most, as MX and NVFP4 have it both ways. */
struct LargestCode {
  MatrixCase shape;
  uint32_t code;
};

std::vector<LargestCode> largest_codes() {
  std::vector<LargestCode> all;
  for (const uint32_t code : {7U, 15U}) {
    all.push_back({{20, 512, 4, 32, ScaleType::E8M0}, code});
    all.push_back({{20, 512, 4, 16, ScaleType::E4M3}, code});
  }
  for (const int bits : {4, 8}) {
    for (const int group : {32, 64, 128}) {
      all.push_back({{20, 512, bits, group}, (1U << bits) - 1});
    }
  }
  return all;
}

void expect_near_everywhere(const Packed& w, const std::vector<float>& x, const Rounding& rounding, double error) {
  const auto m = static_cast<int64_t>(x.size()) / w.matrix.columns;
  std::vector<double> expected;
  std::vector<double> magnitude;
  w.plain.product(x, m, expected, magnitude);
  for (const Isa isa : supported_isas()) {
    set_isa(isa);
    const std::vector<float> y = w.times(x, m, rounding);
    for (size_t i = 0; i < y.size(); ++i) {
      ASSERT_NEAR(y[i], expected[i], error * magnitude[i])
          << name(isa) << ", " << w.matrix.bits << " bits " << w.matrix.group_size << " m=" << m;
    }
  }
}

TEST_F(PackedMatmul, LargestCodesAndActivationsDoNotSaturate) {
  for (const LargestCode& each : largest_codes()) {
    const Packed w(each.shape, 4, &each.code);
    for (const float sign : {1.0F, -1.0F}) {
      for (const int64_t m : {1, 4, 8}) {
        expect_near_everywhere(w, std::vector<float>(static_cast<size_t>(m * 512), 127.0F * sign), {}, 1e-5);
      }
    }
  }
}

/** 128 steps are 256 less 128. */
TEST_F(PackedMatmul, LargestLowBytesDoNotSaturate) {
  for (const LargestCode& each : largest_codes()) {
    const Packed w(each.shape, 4, &each.code);
    for (const float largest : {127.0F * 256.0F, -127.0F * 256.0F}) {
      std::vector<float> x(512, 128.0F);
      x[77] = largest;
      expect_near_everywhere(w, x, {.bound = 0.0F}, 1e-6);
    }
  }
}

/** Outliers of any size, in every quad or few, are as exact as the values beside them. */
TEST_F(PackedMatmul, OutliersAreWholeStepsToo) {
  for (const MatrixCase& shape : cases()) {
    Packed w(shape, 6);
    std::vector<float> x(static_cast<size_t>(shape.columns));
    for (size_t i = 0; i < x.size(); ++i) {
      x[i] = (i % 2 == 0 ? 1.0F : -1.0F) * static_cast<float>(i % 7 == 3 ? 100 + 37 * (i % 131) : i % 40);
    }
    x[7] = 254 * 16.0F;
    double mean = 0.0;
    for (const float value : x) {
      mean += std::abs(value) / static_cast<double>(x.size());
    }
    expect_near_everywhere(w, x, {.bound = static_cast<float>(127.0 / mean)}, 2e-6);
  }
}

TEST_F(PackedMatmul, NotANumberReachesEveryElementOfItsRow) {
  Packed w({6, 64, 4, 32}, 5);
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    std::vector<float> x = w.plain.random_input(2);
    x[33] = bad;
    for (const Isa isa : supported_isas()) {
      set_isa(isa);
      const std::vector<float> y = w.times(x, 2);
      for (size_t i = 0; i < y.size(); ++i) {
        EXPECT_EQ(std::isnan(y[i]), i < 6) << name(isa);
      }
    }
  }
}

TEST_F(PackedMatmul, ZeroAndTinyActivationsGiveZero) {
  const Packed w({5, 96, 4, 32}, 6);
  for (const float each : {0.0F, -0.0F, 1e-42F}) {
    for (const float value : w.times(std::vector<float>(96, each), 1)) {
      EXPECT_EQ(value, 0.0F);
    }
  }
}

TEST_F(PackedMatmul, SameOnAnyNumberOfThreads) {
  Packed w({1031, 576, 4, 32, ScaleType::F16}, 8);
  for (const int64_t m : {1, 19}) {
    const std::vector<float> x = w.plain.random_input(m);
    set_pool_threads(1);
    const std::vector<float> expected = w.times(x, m);
    for (const int threads : {2, 7}) {
      set_pool_threads(threads);
      EXPECT_EQ(w.times(x, m), expected);
    }
  }
}

TEST_F(PackedMatmul, MisalignedInputsAndOutputs) {
  Packed w({9, 160, 4, 32, ScaleType::F16}, 9);
  const std::vector<float> x = w.plain.random_input(2);
  std::vector<float> shifted(x.size() + 1);
  std::copy(x.begin(), x.end(), shifted.begin() + 1);
  std::vector<float> out(2 * 9 + 1);
  packed_matmul(w.matrix, shifted.data() + 1, 2, {}, out.data() + 1);
  EXPECT_EQ(std::vector<float>(out.begin() + 1, out.end()), w.times(x, 2));
}

}  // namespace
}  // namespace burin::kernels
