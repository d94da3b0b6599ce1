#include <algorithm>
#include <cmath>

#include "kernels/fused_table.h"
#include "kernels/step_pass.h"
#include "kernels/thread_pool.h"

namespace burin::kernels {
namespace {

float relu2(float x) {
  const float positive = std::max(x, 0.0F);
  return positive * positive;
}

/** Source: mlx-lm 0.32.2 models/activations.py. */
float xielu(const std::array<float, 4>& parameters, float x) {
  const auto [positive, negative, beta, eps] = parameters;
  const float linear = beta * x;
  return x > 0.0F ? positive * x * x + linear : (std::expm1(std::min(x, eps)) - x) * negative + linear;
}

/** Source: mlx-lm 0.32.2 models/phi3small.py. */
float gegelu(float gate, float up, float limit) {
  const float bounded = std::min(gate, limit);
  return bounded / (1.0F + std::exp(-1.702F * bounded)) * (std::clamp(up, -limit, limit) + 1.0F);
}

/** act(gate) * up; `up` null: not gated. */
void activate(const StepFfn& ffn, const float* gate, const float* up, int64_t count, float* out) {
  switch (ffn.activation) {
    case StepActivation::Silu:
      return fused_table().swiglu(gate, up, count, out);
    case StepActivation::Gelu:
      return fused_table().gelu_mul(gate, up, count, out);
    case StepActivation::GeluTanh:
      return fused_table().gelu_tanh_mul(gate, up, count, out);
    case StepActivation::Relu2:
      std::transform(gate, gate + count, out, relu2);
      break;
    case StepActivation::XieLU:
      std::transform(gate, gate + count, out, [&](float x) { return xielu(ffn.xielu, x); });
      break;
    case StepActivation::GeGelu:
      std::transform(gate, gate + count, up, out, [&](float g, float u) { return gegelu(g, u, ffn.limit); });
      return;
  }
  for (int64_t i = 0; up != nullptr && i < count; ++i) {
    out[i] *= up[i];
  }
}

}  // namespace

void StepPass::multiply_inputs(const StepFfn& ffn, int64_t p, float* gate, float* up) const {
  if (up == nullptr) {
    return multiply(ffn.up, p, p + 1, {gate, kPanelHeight});
  }
  if (!ffn.alternating) {
    multiply(ffn.gate, ffn.gate_panel + p, ffn.gate_panel + p + 1, {gate, kPanelHeight});
    return multiply(ffn.up, ffn.up_panel + p, ffn.up_panel + p + 1, {up, kPanelHeight});
  }
  multiply(ffn.up, p, p + 1, {gate, kPanelHeight});
  for (int64_t m = 0; m < rows_ * kPanelHeight; m += kPanelHeight) {
    for (int64_t i = 0; i < kPanelHeight / 2; ++i) {
      up[m + i] = gate[m + 2 * i + 1];
      gate[m + i] = gate[m + 2 * i];
    }
  }
}

void StepPass::gate_and_up(const StepFfn& ffn) {
  float* const activated = room(s_.activated, rows_ * ffn.intermediate);
  const bool gated = ffn.gate.weight.data != nullptr;
  const int64_t height = ffn.alternating ? kPanelHeight / 2 : kPanelHeight;
  const int64_t panels = (ffn.intermediate + height - 1) / height;
  pool().parallel_for(panels, grain(ffn.up.weight), [&](int64_t begin, int64_t end) {
    thread_local std::vector<float> buffer;
    float* const gate = room(buffer, 2 * rows_ * kPanelHeight);
    float* const up = gated ? gate + rows_ * kPanelHeight : nullptr;
    for (int64_t p = begin; p < end; ++p) {
      multiply_inputs(ffn, p, gate, up);
      const int64_t first = p * height;
      const int64_t count = std::min(height, ffn.intermediate - first);
      for (int64_t m = 0; m < rows_; ++m) {
        const int64_t at = m * kPanelHeight;
        activate(ffn, gate + at, gated ? up + at : nullptr, count, activated + m * ffn.intermediate + first);
      }
    }
  });
}

}  // namespace burin::kernels
