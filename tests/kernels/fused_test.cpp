#include "kernels/fused.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <random>
#include <vector>

#include "kernels/attention.h"
#include "kernels/fused_table.h"
#include "kernels/isa.h"

namespace burin::kernels {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

std::vector<float> random_values(int64_t count, uint32_t seed, float spread = 1.0F) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0.0F, spread);
  std::vector<float> values(static_cast<size_t>(count));
  for (float& value : values) {
    value = normal(random);
  }
  return values;
}

/** Every instruction set against the scalar form, on inputs and outputs that no vector is aligned to. */
class FusedKernels : public ::testing::TestWithParam<Isa> {
 protected:
  void TearDown() override { set_isa(supported_isas().back()); }

  using Kernel = std::function<void(float* out)>;

  /** `count` results, and one beyond, which must stay as it is. */
  static std::vector<float> results(Isa isa, int64_t count, const Kernel& kernel) {
    set_isa(isa);
    std::vector<float> out(static_cast<size_t>(count + 2), -7.0F);
    kernel(out.data() + 1);
    EXPECT_EQ(out.front(), -7.0F);
    EXPECT_EQ(out.back(), -7.0F) << name(isa) << " of " << count;
    return {out.begin() + 1, out.end() - 1};
  }

  static void expect_as_scalar(int64_t count, const Kernel& kernel, float tolerance) {
    const std::vector<float> expected = results(Isa::Scalar, count, kernel);
    const std::vector<float> y = results(GetParam(), count, kernel);
    for (size_t i = 0; i < y.size(); ++i) {
      if (std::isfinite(expected[i])) {
        ASSERT_NEAR(y[i], expected[i], tolerance * (std::abs(expected[i]) + 1.0F)) << i << " of " << count;
      } else {
        ASSERT_EQ(std::isnan(y[i]), std::isnan(expected[i])) << i << " of " << count;
        ASSERT_TRUE(std::isnan(y[i]) || y[i] == expected[i]) << i << " of " << count;
      }
    }
  }
};

INSTANTIATE_TEST_SUITE_P(Isas, FusedKernels, ::testing::ValuesIn(supported_isas()),
                         [](const auto& each) { return std::string(name(each.param)); });

TEST_P(FusedKernels, RmsNormAtEveryLength) {
  for (int64_t n = 1; n <= 33; ++n) {
    const std::vector<float> x = random_values(2 * n, 1);
    const std::vector<float> weight = random_values(n, 2);
    for (const float* by : {weight.data(), static_cast<const float*>(nullptr)}) {
      expect_as_scalar(2 * n, [&](float* out) { rms_norm(x.data(), by, 2, n, 1e-5F, out); }, 1e-6F);
    }
  }
}

TEST_P(FusedKernels, GatedActivationsAtEveryLength) {
  for (int64_t n = 0; n <= 33; ++n) {
    const std::vector<float> gate = random_values(n, 3, 6.0F);
    const std::vector<float> up = random_values(n, 4);
    expect_as_scalar(n, [&](float* out) { swiglu(gate.data(), up.data(), n, out); }, 2e-6F);
    expect_as_scalar(n, [&](float* out) { gelu_tanh_mul(gate.data(), up.data(), n, out); }, 2e-6F);
  }
}

TEST_P(FusedKernels, GatedActivationsAtTheEndsOfTheRange) {
  const std::vector<float> gate{-1e30F, -200.0F, -88.0F, 0.0F, 88.0F, 200.0F, kInfinity, kNaN, kNaN, 100.0F, kInfinity};
  const std::vector<float> up(gate.size(), 1.0F);
  const auto n = static_cast<int64_t>(gate.size());
  expect_as_scalar(n, [&](float* out) { swiglu(gate.data(), up.data(), n, out); }, 1e-6F);
}

TEST_P(FusedKernels, RopeAtEveryWidth) {
  for (int64_t dims = 2; dims <= 34; dims += 2) {
    const RopeShape shape{1, 2, 3, dims + 1, 6 * (dims + 1), 3 * (dims + 1), dims + 1, dims, false};
    const std::vector<float> x = random_values(6 * (dims + 1), 5);
    const std::vector<float> cosines = random_values(3 * dims / 2, 6);
    const std::vector<float> sines = random_values(3 * dims / 2, 7);
    const auto turn = [&](float* out) { rope(shape, x.data(), cosines.data(), sines.data(), out); };
    expect_as_scalar(6 * (dims + 1), turn, 0.0F);
  }
}

/** Four heads on two heads of keys; `keys` of them, as long as `d`, values as long as `dv`. */
void attend(int64_t queries, int64_t keys, int64_t d, int64_t dv, float* out) {
  const AttentionShape shape{.batch = 1,
                             .heads = 4,
                             .kv_heads = 2,
                             .queries = queries,
                             .keys = keys,
                             .head_dim = d,
                             .value_dim = dv,
                             .q_stride = {4 * queries * d, queries * d, d},
                             .k_stride = {2 * keys * d, keys * d, d},
                             .v_stride = {2 * keys * dv, keys * dv, dv},
                             .out_stride = {4 * queries * dv, queries * dv, dv},
                             .mask_stride = {},
                             .scale = 0.3F,
                             .causal = true};
  const std::vector<float> q = random_values(4 * queries * d, 8);
  const std::vector<float> k = random_values(2 * keys * d, 9);
  const std::vector<float> v = random_values(2 * keys * dv, 10);
  attention(shape, q.data(), k.data(), v.data(), nullptr, out);
}

TEST_P(FusedKernels, AttentionAtEveryWidthAndNumberOfKeys) {
  for (const int64_t d : {1, 3, 4, 7, 8, 17, 33, 64}) {
    for (const int64_t keys : {1, 2, 3, 4, 5, 9, 33, 70}) {
      const int64_t dv = d + 1;
      for (const int64_t queries : {int64_t{1}, std::min<int64_t>(keys, 3)}) {
        expect_as_scalar(4 * queries * dv, [&](float* out) { attend(queries, keys, d, dv, out); }, 3e-6F);
      }
    }
  }
}

TEST_P(FusedKernels, SoftmaxPartsAtEveryLength) {
  for (int64_t n = 0; n <= 33; ++n) {
    const std::vector<float> x = random_values(n, 11, 4.0F);
    const auto parts = [&](float* out) {
      const FusedTable& t = fused_table();
      std::copy(x.begin(), x.end(), out);
      const float top = t.largest(out, n);
      out[n] = n > 0 ? top : 0.0F;
      out[n + 1] = t.exponentials(out, n, n > 0 ? top : 0.0F);
      t.multiply(out, n, 3.0F);
    };
    expect_as_scalar(n + 2, parts, 1e-6F);
  }
}

}  // namespace
}  // namespace burin::kernels
