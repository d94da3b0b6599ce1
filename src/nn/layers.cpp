#include "nn/layers.h"

#include "ops/fused.h"

namespace burin::nn {
namespace {

mx::array multiply(const mx::array& x, const WeightMatrix& w, const std::optional<mx::array>& bias,
                   const ops::Rounding& rounding) {
  if (w.dense) {
    return ops::linear(x, *w.dense, bias);
  }
  const mx::array y = w.packed ? ops::packed_matmul(x, w.packed, rounding) : ops::quantized_matmul(x, *w.quantized);
  return bias ? mx::add(y, *bias) : y;
}

}  // namespace

const float* planned(ops::DecoderPlan& plan, const mx::array& a) {
  plan.arrays.push_back(mx::contiguous(mx::astype(a, mx::float32)));
  plan.arrays.back().eval();
  return plan.arrays.back().data<float>();
}

Linear::Linear(Parameters& parameters, const std::string& path, int input_dims, int output_dims, bool bias,
               const ops::Rounding& rounding)
    : weight_(parameters.matrix(path, output_dims, input_dims)), rounding_(rounding) {
  if (bias) {
    bias_ = parameters.tensor(path + ".bias", {output_dims});
  }
}

mx::array Linear::operator()(const mx::array& x) const {
  return multiply(x, weight_, bias_, rounding_);
}

bool Linear::plan(ops::DecoderPlan& plan, ops::StepLinear& to) const {
  if (!weight_.packed) {
    return false;
  }
  plan.weights.push_back(weight_.packed);
  to = {.weight = weight_.packed->matrix(), .bias = bias_ ? planned(plan, *bias_) : nullptr};
  return true;
}

Embedding::Embedding(Parameters& parameters, const std::string& path, int vocab_size, int dims)
    : table_(parameters.matrix(path, vocab_size, dims)) {}

mx::array Embedding::operator()(const mx::array& ids) const {
  if (table_.dense) {
    return ops::embedding(ids, *table_.dense);
  }
  return table_.packed ? ops::packed_embedding(ids, table_.packed) : ops::quantized_embedding(ids, *table_.quantized);
}

mx::array Embedding::as_linear(const mx::array& x) const {
  return multiply(x, table_, std::nullopt, ops::kTwoBytes);
}

Norm::Norm(Parameters& parameters, const std::string& path, int dims, const NormSpec& spec) : spec_(spec) {
  if (spec.weight) {
    weight_ = parameters.tensor(path + ".weight", {dims});
    if (spec.plus_one) {
      weight_ = mx::add(scalar_like(1.0, *weight_), *weight_);
    }
  }
  if (spec.bias) {
    bias_ = parameters.tensor(path + ".bias", {dims});
  }
}

mx::array Norm::operator()(const mx::array& x) const {
  const auto eps = static_cast<float>(spec_.eps);
  return spec_.kind == NormKind::Rms ? ops::rms_norm(x, weight_, eps) : mx::fast::layer_norm(x, weight_, bias_, eps);
}

void Norm::plan(ops::DecoderPlan& plan, ops::StepNorm& to) const {
  to = {.kind = spec_.kind == NormKind::Rms ? ops::StepNormKind::Rms : ops::StepNormKind::Layer,
        .weight = weight_ ? planned(plan, *weight_) : nullptr,
        .bias = bias_ ? planned(plan, *bias_) : nullptr,
        .eps = static_cast<float>(spec_.eps)};
}

}  // namespace burin::nn
