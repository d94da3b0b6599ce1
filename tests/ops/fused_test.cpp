#include "ops/fused.h"

#include "base/error.h"
#include "compare.h"
#include "kernels/isa.h"

namespace burin::ops {
namespace {

/** Runs each test on every instruction set of this machine. */
class Fused : public ::testing::TestWithParam<kernels::Isa> {
 protected:
  void SetUp() override {
    before_ = kernels::isa();
    kernels::set_isa(GetParam());
  }
  void TearDown() override { kernels::set_isa(before_); }

 private:
  kernels::Isa before_ = kernels::Isa::Scalar;
};

INSTANTIATE_TEST_SUITE_P(Isas, Fused, ::testing::ValuesIn(kernels::supported_isas()));

TEST_P(Fused, RmsNormEqualsMlxAtEveryLength) {
  for (int n = 1; n <= 33; ++n) {
    const mx::array x = normal({3, 2, n}, 1);
    const mx::array weight = normal({n}, 2);
    EXPECT_LT(difference(rms_norm(x, weight, 1e-5F), mx::fast::rms_norm(x, weight, 1e-5F)), 1e-6);
    EXPECT_LT(difference(rms_norm(x, std::nullopt, 1e-5F), mx::fast::rms_norm(x, std::nullopt, 1e-5F)), 1e-6);
  }
  mx::eval(rms_norm(mx::zeros({0, 4}), std::nullopt, 1e-5F));
}

TEST_P(Fused, GatedActivationsEqualMlxAtEveryLength) {
  for (int n = 0; n <= 33; ++n) {
    const mx::array gate = mx::multiply(normal({2, n}, 1), mx::array(6.0F));
    const mx::array up = normal({2, n}, 2);
    const mx::array silu = mx::multiply(mx::multiply(gate, mx::sigmoid(gate)), up);
    EXPECT_LT(difference(swiglu(gate, up), silu), 1e-6);
    const mx::array cubic = mx::add(gate, mx::multiply(mx::array(0.044715F), mx::power(gate, mx::array(3.0F))));
    const mx::array tanh = mx::tanh(mx::multiply(mx::array(0.79788456F), cubic));
    const mx::array gelu = mx::multiply(mx::multiply(mx::array(0.5F), gate), mx::add(mx::array(1.0F), tanh));
    EXPECT_LT(difference(gelu_tanh_mul(gate, up), mx::multiply(gelu, up)), 1e-6);
  }
}

TEST_P(Fused, GatedActivationsAtTheEndsOfTheRange) {
  const float inf = std::numeric_limits<float>::infinity();
  const mx::array gate = mx::array({-1e30F, -200.0F, -88.0F, 0.0F, 88.0F, 200.0F, inf, std::nanf("")});
  const mx::array out = swiglu(gate, mx::ones({8}));
  EXPECT_LT(difference(mx::slice(out, {0}, {4}), mx::zeros({4})), 1e-30);
  EXPECT_EQ(mx::slice(out, {5}, {6}).item<float>(), 200.0F);
  EXPECT_EQ(mx::slice(out, {6}, {7}).item<float>(), inf);
  EXPECT_TRUE(std::isnan(mx::slice(out, {7}, {8}).item<float>()));
}

TEST_P(Fused, RopeEqualsMlx) {
  const mx::array periods = mx::exp(normal({12}, 3));
  for (const bool traditional : {false, true}) {
    for (const int offset : {0, 7, 3000}) {
      for (const int dims : {24, 32}) {
        const mx::array by_token = normal({2, 5, 3, 32}, 1);
        const mx::array x = mx::transpose(by_token, {0, 2, 1, 3});
        const auto equal = [&](std::optional<float> base, float scale, const std::optional<mx::array>& freqs) {
          return difference(rope(x, dims, traditional, base, scale, offset, freqs),
                            mx::fast::rope(x, dims, traditional, base, scale, offset, freqs));
        };
        EXPECT_LT(equal(10000.0F, 1.0F, std::nullopt), 2e-6) << offset;
        EXPECT_LT(equal(500000.0F, 0.25F, std::nullopt), 2e-6) << offset;
        if (dims == 24) {
          EXPECT_LT(equal(std::nullopt, 1.0F, periods), 2e-6) << offset;
        }
      }
    }
  }
}

struct Heads {
  int heads, kv_heads, head_dim, value_dim;
};

TEST_P(Fused, AttentionEqualsMlx) {
  for (const Heads& h : {Heads{9, 3, 64, 64}, Heads{4, 4, 40, 40}, Heads{8, 2, 20, 20}, Heads{2, 1, 128, 64}}) {
    for (const int keys : {1, 3, 64, 65, 200, 777}) {
      for (const int queries : {1, 2, 5, 64, 130}) {
        if (queries > keys) {
          continue;
        }
        const mx::array q = normal({2, h.heads, queries, h.head_dim}, 1);
        const mx::array buffer = normal({2, h.kv_heads, keys + 9, h.head_dim}, 2);
        const mx::array k = mx::slice(buffer, {0, 0, 0, 0}, {2, h.kv_heads, keys, h.head_dim});
        const mx::array v = normal({2, h.kv_heads, keys, h.value_dim}, 3);
        const mx::array seen = mx::greater(normal({queries, keys}, 4), mx::array(-0.5F));
        EXPECT_LT(
            difference(attention(q, k, v, 0.2F, Mask::none()), mx::fast::scaled_dot_product_attention(q, k, v, 0.2F)),
            5e-6);
        EXPECT_LT(difference(attention(q, k, v, 0.2F, Mask::causal()),
                             mx::fast::scaled_dot_product_attention(q, k, v, 0.2F, "causal")),
                  5e-6);
        EXPECT_LT(difference(attention(q, k, v, 0.2F, Mask::of(seen)),
                             mx::fast::scaled_dot_product_attention(q, k, v, 0.2F, "", seen)),
                  5e-6)
            << h.heads << " heads, " << keys << " keys, " << queries << " queries";
      }
    }
  }
}

TEST_P(Fused, AttentionTakesAnyLayout) {
  const mx::array q = mx::transpose(normal({2, 4, 6, 16}, 1), {0, 2, 1, 3});
  const mx::array k = mx::transpose(normal({2, 6, 16, 10}, 2), {0, 1, 3, 2});
  const mx::array v = normal({2, 6, 10, 16}, 3);
  const mx::array bias = normal({2, 1, 1, 10}, 4);
  EXPECT_LT(difference(attention(q, k, v, 0.3F, Mask::of(bias)),
                       mx::fast::scaled_dot_product_attention(q, k, v, 0.3F, "", bias)),
            5e-6);
}

TEST_P(Fused, AttentionOverAFullyMaskedRowAveragesAsMlxDoes) {
  const mx::array q = normal({1, 1, 2, 8}, 1);
  const mx::array k = normal({1, 1, 70, 8}, 2);
  const mx::array none = mx::zeros({2, 70}, mx::bool_);
  EXPECT_LT(difference(attention(q, k, k, 0.3F, Mask::of(none)),
                       mx::fast::scaled_dot_product_attention(q, k, k, 0.3F, "", none)),
            1e-6);
}

TEST_P(Fused, GradientsAreThoseOfTheStockForms) {
  const mx::array x = normal({1, 2, 3, 8}, 1);
  const mx::array weight = normal({8}, 2);
  using Function = std::function<std::vector<mx::array>(const std::vector<mx::array>&)>;
  const auto compare = [&](const std::vector<mx::array>& primals, const Function& ours, const Function& stock) {
    const mx::array cotangent = normal(ours(primals)[0].shape(), 5);
    const auto a = mx::vjp(ours, primals, {cotangent}).second;
    const auto b = mx::vjp(stock, primals, {cotangent}).second;
    for (size_t i = 0; i < a.size(); ++i) {
      EXPECT_LT(difference(a[i], b[i]), 1e-5) << i;
    }
  };
  using Arrays = std::vector<mx::array>;
  compare(
      {x, weight}, [](const Arrays& in) { return Arrays{rms_norm(in[0], in[1], 1e-5F)}; },
      [](const Arrays& in) { return Arrays{mx::fast::rms_norm(in[0], in[1], 1e-5F)}; });
  compare(
      {x}, [](const Arrays& in) { return Arrays{rope(in[0], 8, false, 100.0F, 1.0F, 3, std::nullopt)}; },
      [](const Arrays& in) { return Arrays{mx::fast::rope(in[0], 8, false, 100.0F, 1.0F, 3, std::nullopt)}; });
  compare(
      {x, normal({1, 2, 3, 8}, 7), normal({1, 2, 3, 8}, 8)},
      [](const Arrays& in) { return Arrays{attention(in[0], in[1], in[2], 0.3F, Mask::causal())}; },
      [](const Arrays& in) {
        return Arrays{mx::fast::scaled_dot_product_attention(in[0], in[1], in[2], 0.3F, "causal")};
      });
}

TEST(FusedErrors, ShapesThatDoNotFitAreRefused) {
  const mx::array x = mx::zeros({1, 4, 2, 8});
  EXPECT_THROW(rms_norm(x, mx::zeros({7}), 1e-5F), Error);
  EXPECT_THROW(swiglu(x, mx::zeros({1, 4, 2, 7})), Error);
  EXPECT_THROW(attention(x, mx::zeros({1, 3, 2, 8}), mx::zeros({1, 3, 2, 8}), 1.0F, Mask::none()), Error);
  EXPECT_THROW(attention(x, x, x, 1.0F, Mask::of(mx::zeros({3, 2}))), Error);
}

}  // namespace
}  // namespace burin::ops
