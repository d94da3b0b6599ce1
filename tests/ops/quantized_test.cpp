#include "ops/quantized.h"

#include "base/error.h"
#include "compare.h"

namespace burin::ops {
namespace {

QuantizedWeight quantize(const mx::array& dense, int group_size, int bits, mx::Dtype type) {
  const std::vector<mx::array> parts = mx::quantize(dense, group_size, bits);
  return {parts[0], mx::astype(parts[1], type), mx::astype(parts[2], type), group_size, bits};
}

mx::array dense_of(const QuantizedWeight& w) {
  return mx::dequantize(w.weight, mx::astype(w.scales, mx::float32), mx::astype(*w.biases, mx::float32), w.group_size,
                        w.bits);
}

class Quantized : public ::testing::TestWithParam<int> {};

TEST_P(Quantized, EqualsMlxForEveryGroupAndScaleType) {
  for (const int group : {32, 64, 128}) {
    for (const mx::Dtype type : {mx::float32, mx::float16, mx::bfloat16}) {
      const QuantizedWeight w = quantize(normal({37, 384}, 1), group, GetParam(), type);
      const mx::array dense = dense_of(w);
      for (const int m : {1, 3, 17}) {
        const mx::array x = normal({2, m, 384}, 2);
        const mx::array expected = mx::matmul(x, mx::transpose(dense));
        EXPECT_LT(difference(quantized_matmul(x, w), expected), 1e-5);
      }
      const mx::array ids = mx::array({36, 0, 5, -1}, {2, 2});
      EXPECT_TRUE(mx::array_equal(quantized_embedding(ids, w), mx::take(dense, ids, 0)).item<bool>());
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Bits, Quantized, ::testing::Values(2, 3, 4, 5, 6, 8));

TEST(QuantizedMatmul, TakesInputsThatAreNotContiguous) {
  const QuantizedWeight w = quantize(normal({24, 64}, 1), 32, 4, mx::float16);
  const mx::array x = mx::transpose(normal({64, 5}, 2));
  const mx::array expected = mx::matmul(x, mx::transpose(dense_of(w)));
  EXPECT_LT(difference(quantized_matmul(x, w), expected), 1e-5);
  const mx::array row = mx::slice(normal({3, 128}, 3), {1, 32}, {2, 96});
  EXPECT_LT(difference(quantized_matmul(row, w), mx::matmul(row, mx::transpose(dense_of(w)))), 1e-5);
}

TEST(QuantizedMatmul, AcceptsNoRowsAtAll) {
  const QuantizedWeight w = quantize(normal({8, 32}, 1), 32, 4, mx::float32);
  EXPECT_EQ(quantized_matmul(mx::zeros({0, 32}), w).shape(), (mx::Shape{0, 8}));
  mx::eval(quantized_matmul(mx::zeros({0, 32}), w));
}

TEST(QuantizedMatmul, GradientIsThatOfTheDenseProduct) {
  const QuantizedWeight w = quantize(normal({24, 64}, 1), 32, 4, mx::float16);
  const mx::array x = normal({3, 64}, 2);
  const mx::array cotangent = normal({3, 24}, 3);
  const auto ours = [&](const std::vector<mx::array>& in) {
    return std::vector<mx::array>{quantized_matmul(in[0], w)};
  };
  const mx::array gradient = mx::vjp(ours, {x}, {cotangent}).second[0];
  EXPECT_LT(difference(gradient, mx::matmul(cotangent, dense_of(w))), 1e-5);
}

/** One weight in each of MLX's float modes: {mode, bits, group size}. */
using FloatMode = std::tuple<QuantizationMode, int, int>;
class FloatModes : public ::testing::TestWithParam<FloatMode> {};

TEST_P(FloatModes, MatmulAndRowsEqualTheDequantizedMatrix) {
  const auto [mode, bits, group] = GetParam();
  const auto parts = mx::quantize(normal({24, 64}, 1), group, bits, std::string(name(mode)));
  const QuantizedWeight w{parts[0], parts[1], std::nullopt, group, bits, mode};
  const mx::array dense =
      mx::dequantize(parts[0], parts[1], std::nullopt, group, bits, std::string(name(mode)), std::nullopt, mx::float32);
  const mx::array x = normal({3, 64}, 2);
  EXPECT_LT(difference(quantized_matmul(x, w), mx::matmul(x, mx::transpose(dense))), 1e-5);
  EXPECT_EQ(difference(quantized_embedding(mx::array({5, 0}), w), mx::take(dense, mx::array({5, 0}), 0)), 0.0);
}

INSTANTIATE_TEST_SUITE_P(All, FloatModes,
                         ::testing::Values(FloatMode{QuantizationMode::Mxfp4, 4, 32},
                                           FloatMode{QuantizationMode::Mxfp8, 8, 32},
                                           FloatMode{QuantizationMode::Nvfp4, 4, 16}));

TEST(QuantizedMatmul, RefusesShapesThatDoNotFit) {
  QuantizedWeight w = quantize(normal({8, 64}, 1), 32, 4, mx::float32);
  EXPECT_THROW(quantized_matmul(mx::zeros({1, 32}), w), Error);
  w.bits = 8;
  EXPECT_THROW(quantized_matmul(mx::zeros({1, 64}), w), Error);
  EXPECT_THROW(quantized_embedding(mx::array({0}), w), Error);
  w.bits = 7;
  EXPECT_THROW(quantized_matmul(mx::zeros({1, 64}), w), Error);
}

TEST(QuantizedEmbedding, IdsBeyondTheTableGiveNaN) {
  const QuantizedWeight w = quantize(normal({8, 32}, 1), 32, 4, mx::float32);
  const mx::array rows = quantized_embedding(mx::array({8, -9, 1 << 30}), w);
  EXPECT_TRUE(mx::all(mx::isnan(rows)).item<bool>());
}

}  // namespace
}  // namespace burin::ops
