#include "ops/fused.h"

#include <cmath>
#include <numbers>

namespace burin::ops {

mx::array rms_norm(const mx::array& x, const std::optional<mx::array>& weight, float eps) {
  return mx::fast::rms_norm(x, weight, eps);
}

mx::array rope(const mx::array& x, int dims, bool traditional, std::optional<float> base, float scale, int offset,
               const std::optional<mx::array>& freqs) {
  return mx::fast::rope(x, dims, traditional, base, scale, offset, freqs);
}

mx::array attention(const mx::array& q, const mx::array& k, const mx::array& v, float scale, const Mask& mask) {
  return mx::fast::scaled_dot_product_attention(q, k, v, scale, mask.kind == Mask::Kind::Causal ? "causal" : "",
                                                mask.array);
}

mx::array swiglu(const mx::array& gate, const mx::array& up) {
  return mx::multiply(mx::multiply(gate, mx::sigmoid(gate)), up);
}

mx::array gelu_tanh_mul(const mx::array& gate, const mx::array& up) {
  const auto scalar = [&](double value) { return mx::array(static_cast<float>(value), gate.dtype()); };
  const mx::array cube = mx::multiply(scalar(0.044715), mx::power(gate, scalar(3.0)));
  const mx::array inner = mx::multiply(scalar(std::sqrt(2.0 / std::numbers::pi)), mx::add(gate, cube));
  const mx::array gelu = mx::multiply(mx::multiply(scalar(0.5), gate), mx::add(scalar(1.0), mx::tanh(inner)));
  return mx::multiply(gelu, up);
}

mx::array linear(const mx::array& x, const mx::array& weight, const std::optional<mx::array>& bias) {
  const mx::array y = mx::matmul(x, mx::transpose(weight));
  return bias ? mx::add(y, *bias) : y;
}

}  // namespace burin::ops
