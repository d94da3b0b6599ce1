#include "nn/layers.h"

#include "ops/fused.h"

namespace burin::nn {
namespace {

mx::array multiply(const mx::array& x, const WeightMatrix& w, const std::optional<mx::array>& bias,
                   ops::Precision precision) {
  if (w.dense) {
    return ops::linear(x, *w.dense, bias);
  }
  const mx::array y = ops::quantized_matmul(x, *w.quantized, precision);
  return bias ? mx::add(y, *bias) : y;
}

}  // namespace

Linear::Linear(Parameters& parameters, const std::string& path, int input_dims, int output_dims, bool bias)
    : weight_(parameters.matrix(path, output_dims, input_dims)), precision_(parameters.precision()) {
  if (bias) {
    bias_ = parameters.tensor(path + ".bias", {output_dims});
  }
}

mx::array Linear::operator()(const mx::array& x) const {
  return multiply(x, weight_, bias_, precision_);
}

Embedding::Embedding(Parameters& parameters, const std::string& path, int vocab_size, int dims)
    : table_(parameters.matrix(path, vocab_size, dims)), precision_(parameters.precision()) {}

mx::array Embedding::operator()(const mx::array& ids) const {
  return table_.dense ? mx::take(*table_.dense, ids, 0) : ops::quantized_embedding(ids, *table_.quantized);
}

mx::array Embedding::as_linear(const mx::array& x) const {
  return multiply(x, table_, std::nullopt, precision_);
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

}  // namespace burin::nn
