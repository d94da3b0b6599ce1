#include "kernels/qmatmul.h"

#include <gtest/gtest.h>

#include "kernels/isa.h"
#include "kernels/thread_pool.h"
#include "matrix.h"

namespace burin::kernels {
namespace {

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
  void TearDown() override { set_isa(supported_isas().back()); }
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
    for (const Isa isa : supported_isas()) {
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

void expect_rows(const MatrixCase& shape) {
  RandomMatrix w(shape, 3);
  const int64_t rows = w.view().rows;
  const std::vector<int32_t> ids{static_cast<int32_t>(rows - 1), 0, static_cast<int32_t>(rows / 2)};
  for (const Isa isa : supported_isas()) {
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

TEST(QMatmulExtremes, NothingToDoIsNothing) {
  RandomMatrix w({3, 32, 4, 32}, 7);
  float y = 5;
  quantized_matmul_exact(w.view(), nullptr, 0, &y);
  EXPECT_EQ(y, 5);
}

TEST(QMatmulThreads, ManyRowsGiveTheSameOnAnyNumberOfThreads) {
  RandomMatrix w({1031, 576, 4, 32, ScaleType::F16}, 8);
  for (const int64_t m : {1, 19}) {
    const std::vector<float> x = w.random_input(m);
    set_pool_threads(1);
    const std::vector<float> exact = run(quantized_matmul_exact, w, x, m);
    for (const int threads : {2, 7}) {
      set_pool_threads(threads);
      EXPECT_EQ(run(quantized_matmul_exact, w, x, m), exact);
    }
  }
  set_pool_threads(0);
}

TEST(QMatmulThreads, MisalignedInputsAndOutputs) {
  RandomMatrix w({9, 160, 4, 32, ScaleType::F16}, 9);
  const std::vector<float> x = w.random_input(2);
  const std::vector<float> expected = run(quantized_matmul_exact, w, x, 2);
  std::vector<char> in(x.size() * 4 + 4);
  std::vector<float> out(expected.size() + 1);
  auto* shifted = reinterpret_cast<float*>(in.data() + 4);
  std::memcpy(shifted, x.data(), x.size() * 4);
  quantized_matmul_exact(w.view(), shifted, 2, out.data() + 1);
  EXPECT_EQ(std::vector<float>(out.begin() + 1, out.end()), expected);
}

}  // namespace
}  // namespace burin::kernels
