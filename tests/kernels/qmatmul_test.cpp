#include "kernels/qmatmul.h"

#include <gtest/gtest.h>

#include <limits>

#include "kernels/isa.h"
#include "kernels/thread_pool.h"
#include "matrix.h"

namespace burin::kernels {
namespace {

std::vector<Isa> isas() {
  return is_supported(Isa::Avx2) ? std::vector<Isa>{Isa::Scalar, Isa::Avx2} : std::vector<Isa>{Isa::Scalar};
}

class QMatmul : public ::testing::TestWithParam<int> {
 protected:
  /** Odd row counts; 1 to 18 groups, so that every tail of eight groups and of a step occurs. */
  static std::vector<MatrixCase> cases() {
    std::vector<MatrixCase> all;
    for (const int group : {32, 64, 128}) {
      for (const ScaleType type : {ScaleType::F32, ScaleType::F16, ScaleType::BF16}) {
        for (const int64_t groups : {1, 2, 3, 5, 8, 9, 18}) {
          all.push_back({1 + 2 * groups, groups * group, GetParam(), group, type});
        }
      }
    }
    return all;
  }
  void TearDown() override { set_isa(is_supported(Isa::Avx2) ? Isa::Avx2 : Isa::Scalar); }
};

using Matmul = void (*)(const QuantizedMatrix&, const float*, int64_t, float*);

std::vector<float> run(Matmul matmul, const RandomMatrix& w, const std::vector<float>& x, int64_t m) {
  std::vector<float> y(static_cast<size_t>(m * w.view().rows), -1.0F);
  matmul(w.view(), x.data(), m, y.data());
  return y;
}

void expect_exact(const MatrixCase& shape) {
  RandomMatrix w(shape, 1);
  for (const int64_t m : {1, 2, 5, 6, 9}) {
    const std::vector<float> x = w.random_input(m);
    std::vector<double> expected;
    std::vector<double> magnitude;
    w.product(x, m, expected, magnitude);
    for (const Isa isa : isas()) {
      set_isa(isa);
      const std::vector<float> y = run(quantized_matmul_exact, w, x, m);
      for (size_t i = 0; i < y.size(); ++i) {
        ASSERT_NEAR(y[i], expected[i], 4e-6 * magnitude[i] + 1e-6) << name(isa) << " m=" << m << " i=" << i;
      }
    }
  }
}

TEST_P(QMatmul, ExactEqualsTheProductOfDequantizedWeights) {
  for (const MatrixCase& shape : cases()) {
    ASSERT_NO_FATAL_FAILURE(expect_exact(shape))
        << shape.rows << " x " << shape.columns << ", groups of " << shape.group_size;
  }
}

void expect_fast(const MatrixCase& shape) {
  RandomMatrix w(shape, 2);
  for (const int64_t m : {1, 2, 3, 4, 7}) {
    const std::vector<float> x = w.random_input(m);
    std::vector<double> expected;
    std::vector<double> magnitude;
    w.product(x, m, expected, magnitude);
    set_isa(Isa::Scalar);
    const std::vector<float> scalar = run(quantized_matmul_fast, w, x, m);
    for (size_t i = 0; i < scalar.size(); ++i) {
      ASSERT_NEAR(scalar[i], expected[i], 0.012 * magnitude[i]) << "m=" << m << " i=" << i;
    }
    for (const Isa isa : isas()) {
      set_isa(isa);
      const std::vector<float> y = run(quantized_matmul_fast, w, x, m);
      for (size_t i = 0; i < y.size(); ++i) {
        ASSERT_NEAR(y[i], scalar[i], 1e-5 * magnitude[i] + 1e-6) << name(isa) << " m=" << m << " i=" << i;
      }
    }
  }
}

TEST_P(QMatmul, FastStaysWithinTheErrorOfInt8) {
  for (const MatrixCase& shape : cases()) {
    ASSERT_NO_FATAL_FAILURE(expect_fast(shape))
        << shape.rows << " x " << shape.columns << ", groups of " << shape.group_size;
  }
}

void expect_rows(const MatrixCase& shape) {
  RandomMatrix w(shape, 3);
  const int64_t rows = w.view().rows;
  const std::vector<int32_t> ids{static_cast<int32_t>(rows - 1), 0, static_cast<int32_t>(rows / 2)};
  for (const Isa isa : isas()) {
    set_isa(isa);
    std::vector<float> out(ids.size() * static_cast<size_t>(shape.columns));
    dequantize_rows(w.view(), ids.data(), static_cast<int64_t>(ids.size()), out.data());
    for (size_t i = 0; i < ids.size(); ++i) {
      for (int64_t k = 0; k < shape.columns; ++k) {
        ASSERT_EQ(out[i * static_cast<size_t>(shape.columns) + static_cast<size_t>(k)],
                  w.values()[static_cast<size_t>(ids[i] * shape.columns + k)])
            << name(isa) << " row " << ids[i] << " column " << k;
      }
    }
  }
}

TEST_P(QMatmul, DequantizesRowsBitForBit) {
  for (const MatrixCase& shape : cases()) {
    ASSERT_NO_FATAL_FAILURE(expect_rows(shape))
        << shape.rows << " x " << shape.columns << ", groups of " << shape.group_size;
  }
}

INSTANTIATE_TEST_SUITE_P(Bits, QMatmul, ::testing::Values(2, 3, 4, 5, 6, 8));

TEST(QMatmulExtremes, LargestCodesAndActivationsDoNotSaturate) {
  for (const int bits : {4, 8}) {
    for (const int group : {32, 64, 128}) {
      const uint32_t code = (1U << bits) - 1;
      for (const uint32_t each : {code, 0U}) {
        RandomMatrix w({8, 512, bits, group}, 4, &each);
        for (const float sign : {1.0F, -1.0F}) {
          for (const int64_t m : {1, 4}) {
            const std::vector<float> x(static_cast<size_t>(m * 512), 127.0F * sign);
            std::vector<double> expected;
            std::vector<double> magnitude;
            w.product(x, m, expected, magnitude);
            const std::vector<float> y = run(quantized_matmul_fast, w, x, m);
            for (size_t i = 0; i < y.size(); ++i) {
              ASSERT_NEAR(y[i], expected[i], 1e-5 * magnitude[i]) << bits << " bits, group " << group;
            }
          }
        }
      }
    }
  }
}

TEST(QMatmulExtremes, NotANumberReachesEveryRow) {
  RandomMatrix w({6, 64, 4, 32}, 5);
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    std::vector<float> x = w.random_input(1);
    x[33] = bad;
    for (const Isa isa : isas()) {
      set_isa(isa);
      for (const float value : run(quantized_matmul_fast, w, x, 1)) {
        EXPECT_TRUE(std::isnan(value)) << name(isa);
      }
    }
  }
}

TEST(QMatmulExtremes, ZeroAndTinyActivationsGiveZero) {
  RandomMatrix w({5, 96, 4, 32}, 6);
  for (const float each : {0.0F, -0.0F, 1e-42F}) {
    for (const float value : run(quantized_matmul_fast, w, std::vector<float>(96, each), 1)) {
      EXPECT_EQ(value, 0.0F);
    }
  }
}

TEST(QMatmulExtremes, NothingToDoIsNothing) {
  RandomMatrix w({3, 32, 4, 32}, 7);
  float y = 5;
  quantized_matmul_exact(w.view(), nullptr, 0, &y);
  quantized_matmul_fast(w.view(), nullptr, 0, &y);
  EXPECT_EQ(y, 5);
}

TEST(QMatmulThreads, ManyRowsGiveTheSameOnAnyNumberOfThreads) {
  RandomMatrix w({1031, 576, 4, 32, ScaleType::F16}, 8);
  for (const int64_t m : {1, 19}) {
    const std::vector<float> x = w.random_input(m);
    set_pool_threads(1);
    const std::vector<float> exact = run(quantized_matmul_exact, w, x, m);
    const std::vector<float> fast = run(quantized_matmul_fast, w, x, m);
    for (const int threads : {2, 7}) {
      set_pool_threads(threads);
      EXPECT_EQ(run(quantized_matmul_exact, w, x, m), exact);
      EXPECT_EQ(run(quantized_matmul_fast, w, x, m), fast);
    }
  }
  set_pool_threads(0);
}

TEST(QMatmulThreads, MisalignedInputsAndOutputs) {
  RandomMatrix w({9, 160, 4, 32, ScaleType::F16}, 9);
  const std::vector<float> x = w.random_input(2);
  const std::vector<float> expected = run(quantized_matmul_fast, w, x, 2);
  std::vector<char> in(x.size() * 4 + 4);
  std::vector<float> out(expected.size() + 1);
  auto* shifted = reinterpret_cast<float*>(in.data() + 4);
  std::memcpy(shifted, x.data(), x.size() * 4);
  quantized_matmul_fast(w.view(), shifted, 2, out.data() + 1);
  EXPECT_EQ(std::vector<float>(out.begin() + 1, out.end()), expected);
}

}  // namespace
}  // namespace burin::kernels
