#include "ops/packed.h"

#include "base/error.h"
#include "compare.h"
#include "ops/fused.h"
#include "ops/quantized.h"

namespace burin::ops {
namespace {

/** A random weight as MLX quantizes it, packed. */
struct Weight {
  explicit Weight(QuantizationMode mode) {
    const bool affine = mode == QuantizationMode::Affine;
    const int group = mode == QuantizationMode::Nvfp4 ? 16 : 32;
    parts = mx::quantize(normal({70, 96}, 1), group, 4, std::string(name(mode)));
    mx::eval(parts);
    kernels::QuantizedMatrix from{.codes = parts[0].data<uint32_t>(),
                                  .scales = affine ? static_cast<const void*>(parts[1].data<float>())
                                                   : static_cast<const void*>(parts[1].data<uint8_t>()),
                                  .biases = affine ? parts[2].data<float>() : nullptr,
                                  .scale_type = *scale_type(parts[1].dtype(), mode),
                                  .rows = 70,
                                  .columns = 96,
                                  .group_size = group,
                                  .bits = 4};
    const std::shared_ptr<PackedWeight> weight = PackedArena().allocate(packed_form(from));
    pack(from, 0, weight->matrix().panels(), weight->data());
    packed = weight;
    const std::optional<mx::array> biases = affine ? std::optional(parts[2]) : std::nullopt;
    stock = {parts[0], parts[1], biases, group, 4, mode};
    dense = quantized_embedding(mx::arange(0, 70, 1, mx::int32), *stock);
  }

  std::vector<mx::array> parts;
  PackedWeightPtr packed;
  std::optional<QuantizedWeight> stock;
  mx::array dense = mx::array(0.0F);
};

class PackedModes : public ::testing::TestWithParam<QuantizationMode> {};
INSTANTIATE_TEST_SUITE_P(Modes, PackedModes,
                         ::testing::Values(QuantizationMode::Affine, QuantizationMode::Mxfp4, QuantizationMode::Nvfp4));

mx::array gradient_of(const std::function<mx::array(const mx::array&)>& f, const mx::array& x, const mx::array& dy) {
  const auto both = [&](const std::vector<mx::array>& in) { return std::vector<mx::array>{f(in[0])}; };
  return mx::vjp(both, {x}, {dy}).second[0];
}

TEST_P(PackedModes, ProductsAndRowsAreThoseOfTheValues) {
  const Weight w(GetParam());
  const mx::array x = normal({2, 3, 96}, 2);
  EXPECT_LT(difference(packed_matmul(x, w.packed, kTwoBytes), mx::matmul(x, mx::transpose(w.dense))), 1e-4);
  const mx::array ids = mx::array({69, 0, -1}, {3});
  EXPECT_LT(difference(packed_embedding(ids, w.packed), mx::take(w.dense, ids, 0)), 1e-7);
}

TEST_P(PackedModes, GradientIsThatOfMlxsOwnProduct) {
  const Weight w(GetParam());
  const mx::array x = normal({2, 3, 96}, 2);
  const mx::array dy = normal({2, 3, 70}, 3);
  const mx::array ours = gradient_of([&](const mx::array& in) { return packed_matmul(in, w.packed); }, x, dy);
  const auto stock = [&](const mx::array& in) {
    return mx::quantized_matmul(in, w.stock->weight, w.stock->scales, w.stock->biases, true, w.stock->group_size, 4,
                                std::string(name(w.stock->mode)));
  };
  EXPECT_LT(difference(ours, gradient_of(stock, x, dy)), 1e-5);
}

/** The product is linear: a difference over any distance is the derivative, but for its rounding. */
TEST_P(PackedModes, GradientIsTheFiniteDifference) {
  const Weight w(GetParam());
  const mx::array x = normal({4, 96}, 2);
  const mx::array dy = normal({4, 70}, 3);
  const mx::array direction = normal({4, 96}, 4);
  const auto loss = [&](const mx::array& in) {
    return mx::sum(mx::multiply(packed_matmul(in, w.packed, kTwoBytes), dy));
  };
  const float difference_quotient =
      mx::subtract(loss(mx::add(x, direction)), loss(mx::subtract(x, direction))).item<float>() / 2;
  const mx::array gradient = gradient_of([&](const mx::array& in) { return packed_matmul(in, w.packed); }, x, dy);
  const float derivative = mx::sum(mx::multiply(gradient, direction)).item<float>();
  EXPECT_NEAR(difference_quotient, derivative, 2e-3 * (1 + std::abs(derivative)));
}

TEST_P(PackedModes, TheGradientsOwnGradientIsTheProduct) {
  const Weight w(GetParam());
  const mx::array dy = normal({5, 70}, 3);
  const mx::array dx = normal({5, 96}, 4);
  const mx::array back =
      gradient_of([&](const mx::array& in) { return packed_matmul_transposed(in, w.packed); }, dy, dx);
  EXPECT_LT(difference(back, mx::matmul(dx, mx::transpose(w.dense))), 1e-4);
}

TEST(Packed, RefusesWidthsThatDoNotFit) {
  const Weight w(QuantizationMode::Mxfp4);
  EXPECT_THROW(packed_matmul(mx::zeros({1, 95}), w.packed), Error);
  EXPECT_THROW(packed_matmul_transposed(mx::zeros({1, 96}), w.packed), Error);
}

TEST(Linear, EqualsMlxWithItsGradientsForEveryFloatType) {
  const mx::array x = normal({2, 5, 40}, 1);
  const mx::array dy = normal({2, 5, 33}, 2);
  for (const mx::Dtype type : {mx::float32, mx::float16, mx::bfloat16}) {
    const mx::array weight = mx::astype(normal({33, 40}, 3), type);
    const mx::array wide = mx::astype(weight, mx::float32);
    const mx::array bias = normal({33}, 4);
    EXPECT_LT(difference(linear(x, weight, bias), mx::add(mx::matmul(x, mx::transpose(wide)), bias)), 1e-6);
    const auto ours = [&](const std::vector<mx::array>& in) {
      return std::vector<mx::array>{linear(in[0], in[1], std::nullopt)};
    };
    const std::vector<mx::array> gradients = mx::vjp(ours, {x, weight}, {dy}).second;
    EXPECT_LT(difference(gradients[0], mx::matmul(dy, wide)), 1e-5);
    const mx::array by_weight = mx::matmul(mx::transpose(mx::reshape(dy, {10, 33})), mx::reshape(x, {10, 40}));
    EXPECT_LT(difference(mx::astype(gradients[1], mx::float32), by_weight), type == mx::float32 ? 1e-5 : 1e-2);
  }
  EXPECT_THROW(linear(x, mx::zeros({3, 39}), std::nullopt), Error);
  EXPECT_THROW(linear(x, mx::zeros({3, 40}, mx::int32), std::nullopt), Error);
}

TEST(Linear, TakesWeightsThatAreNotContiguous) {
  const mx::array weight = mx::astype(normal({40, 12}, 3), mx::bfloat16);
  const mx::array x = normal({3, 40}, 1);
  EXPECT_LT(difference(linear(x, mx::transpose(weight), std::nullopt), mx::matmul(x, mx::astype(weight, mx::float32))),
            1e-6);
}

}  // namespace
}  // namespace burin::ops
