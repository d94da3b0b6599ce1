#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "kernels/fused_table.h"
#include "kernels/isa.h"
#include "random_values.h"

namespace burin::kernels {
namespace {

/** Each instruction set against the scalar form, at every length and off every alignment. */
class FusedRow : public ::testing::TestWithParam<Isa> {
 protected:
  void SetUp() override { set_isa(GetParam()); }
  void TearDown() override { set_isa(supported_isas().back()); }

  /** `run(table, count, x, out)` with `x` and `out` at odd addresses; `out` has a guard behind it. */
  template <typename Run>
  void expect_scalar(Run&& run, float tolerance) {
    for (int64_t count = 0; count <= 35; ++count) {
      const std::vector<float> x = random_values(static_cast<size_t>(count) + 1, static_cast<uint32_t>(count), 3.0F);
      std::vector<float> expected(static_cast<size_t>(count) + 2, 7.0F);
      std::vector<float> got(expected);
      run(fused_scalar(), count, x.data() + 1, expected.data() + 1);
      run(fused_table(), count, x.data() + 1, got.data() + 1);
      for (size_t i = 0; i < expected.size(); ++i) {
        ASSERT_NEAR(got[i], expected[i], tolerance) << "at " << i << " of " << count;
      }
      EXPECT_EQ(got.back(), 7.0F);
    }
  }
};

INSTANTIATE_TEST_SUITE_P(Isas, FusedRow, ::testing::ValuesIn(supported_isas()));

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

TEST_P(FusedRow, LayerNorm) {
  const std::vector<float> weight = random_values(36, 100);
  const std::vector<float> bias = random_values(36, 101);
  for (const float* w : {static_cast<const float*>(nullptr), weight.data() + 1}) {
    for (const float* b : {static_cast<const float*>(nullptr), bias.data() + 1}) {
      expect_scalar(
          [&](const FusedTable& t, int64_t n, const float* x, float* out) { t.layer_norm_row(x, w, b, n, 1e-5F, out); },
          2e-5F);
      expect_scalar(
          [&](const FusedTable& t, int64_t n, const float* x, float* out) {
            std::copy_n(x, n, out);
            t.layer_norm_row(out, w, b, n, 1e-5F, out);
          },
          2e-5F);
    }
  }
}

TEST_P(FusedRow, LayerNormOfAShiftedRowHasNoMean) {
  std::vector<float> x = random_values(77, 1);
  for (float& value : x) {
    value += 1000.0F;
  }
  fused_table().layer_norm_row(x.data(), nullptr, nullptr, 77, 0.0F, x.data());
  double sum = 0.0, squares = 0.0;
  for (const float value : x) {
    sum += value;
    squares += static_cast<double>(value) * value;
  }
  EXPECT_NEAR(sum / 77, 0.0, 1e-3);
  EXPECT_NEAR(squares / 77, 1.0, 1e-3);
  x[5] = kNan;
  fused_table().layer_norm_row(x.data(), nullptr, nullptr, 77, 0.0F, x.data());
  EXPECT_TRUE(std::isnan(x[0]));
}

TEST_P(FusedRow, ActivationsWithAndWithoutUp) {
  const std::vector<float> up = random_values(36, 100);
  for (const float* u : {static_cast<const float*>(nullptr), up.data() + 1}) {
    for (const auto member : {&FusedTable::swiglu, &FusedTable::gelu_tanh_mul, &FusedTable::gelu_mul}) {
      expect_scalar([&](const FusedTable& t, int64_t n, const float* x, float* out) { (t.*member)(x, u, n, out); },
                    2e-6F);
    }
  }
}

TEST_P(FusedRow, GeluByErf) {
  std::vector<float> x, got(2001);
  for (int i = -1000; i <= 1000; ++i) {
    x.push_back(0.01F * static_cast<float>(i));
  }
  fused_table().gelu_mul(x.data(), nullptr, 2001, got.data());
  for (size_t i = 0; i < x.size(); ++i) {
    const double expected = x[i] * (1.0 + std::erf(x[i] / std::sqrt(2.0))) / 2.0;
    ASSERT_NEAR(got[i], expected, 5e-7 * std::max(1.0, std::abs(expected))) << x[i];
  }
  const std::vector<float> ends{-kInfinity, -1e30F, 1e30F, kInfinity, kNan};
  fused_table().gelu_mul(ends.data(), nullptr, 5, got.data());
  EXPECT_EQ(std::vector<float>(got.begin(), got.begin() + 4), (std::vector<float>{0.0F, 0.0F, 1e30F, kInfinity}));
  EXPECT_TRUE(std::isnan(got[4]));
}

TEST_P(FusedRow, Softcap) {
  for (const float cap : {0.5F, 50.0F}) {
    expect_scalar(
        [&](const FusedTable& t, int64_t n, const float* x, float* out) {
          std::copy_n(x, n, out);
          t.softcap(out, n, cap);
        },
        3e-7F * cap);
  }
  std::vector<float> x{-kInfinity, -1e30F, 1e30F, kInfinity, kNan};
  fused_table().softcap(x.data(), 5, 30.0F);
  EXPECT_EQ(std::vector<float>(x.begin(), x.begin() + 4), (std::vector<float>{-30.0F, -30.0F, 30.0F, 30.0F}));
  EXPECT_TRUE(std::isnan(x[4]));
}

}  // namespace
}  // namespace burin::kernels
