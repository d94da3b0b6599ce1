#include "nn/activation.h"

#include <numbers>

#include "ops/fused.h"

namespace burin::nn {
namespace {

/** x (1 + erf(x / sqrt 2)) / 2. */
mx::array gelu(const mx::array& x) {
  const mx::array error = mx::erf(mx::divide(x, scalar_like(std::numbers::sqrt2, x)));
  return mx::divide(mx::multiply(x, mx::add(scalar_like(1.0, x), error)), scalar_like(2.0, x));
}

/** x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2. */
mx::array gelu_tanh(const mx::array& x) {
  const double root = std::numbers::sqrt2 * std::numbers::inv_sqrtpi;
  const mx::array cube = mx::multiply(scalar_like(0.044715, x), mx::multiply(mx::square(x), x));
  const mx::array inner = mx::tanh(mx::multiply(scalar_like(root, x), mx::add(x, cube)));
  return mx::multiply(mx::multiply(scalar_like(0.5, x), x), mx::add(scalar_like(1.0, x), inner));
}

ops::StepActivation step_form(Activation kind) {
  switch (kind) {
    case Activation::Silu:
      break;
    case Activation::Gelu:
      return ops::StepActivation::Gelu;
    case Activation::GeluTanh:
      return ops::StepActivation::GeluTanh;
    case Activation::Relu2:
      return ops::StepActivation::Relu2;
    case Activation::XieLU:
      return ops::StepActivation::XieLU;
    case Activation::GeGelu:
      return ops::StepActivation::GeGelu;
  }
  return ops::StepActivation::Silu;
}

mx::array softplus(const mx::array& x) {
  return mx::logaddexp(x, scalar_like(0.0, x));
}

}  // namespace

ActivationFunction::ActivationFunction(Parameters& parameters, const std::string& path, Activation kind, double limit)
    : kind_(kind), limit_(limit) {
  if (kind == Activation::XieLU) {
    const mx::array beta = parameters.scalar(path + ".beta");
    xielu_ = XieLU{.positive = softplus(parameters.scalar(path + ".alpha_p")),
                   .negative = mx::add(beta, softplus(parameters.scalar(path + ".alpha_n"))),
                   .beta = beta,
                   .eps = parameters.scalar(path + ".eps")};
  }
}

mx::array ActivationFunction::operator()(const mx::array& x) const {
  switch (kind_) {
    case Activation::Silu:
      return mx::multiply(x, mx::sigmoid(x));
    case Activation::Gelu:
      return gelu(x);
    case Activation::GeluTanh:
      return gelu_tanh(x);
    case Activation::Relu2:
      return mx::square(mx::maximum(x, scalar_like(0.0, x)));
    case Activation::GeGelu:
      return mx::multiply(x, mx::sigmoid(mx::multiply(scalar_like(1.702, x), x)));
    case Activation::XieLU:
      break;
  }
  return xielu(x);
}

/** Source: mlx-lm 0.32.2 models/activations.py. */
mx::array ActivationFunction::xielu(const mx::array& x) const {
  const auto& [positive, negative, beta, eps] = *xielu_;
  const mx::array linear = mx::multiply(beta, x);
  const mx::array above = mx::add(mx::multiply(positive, mx::square(x)), linear);
  const mx::array below = mx::multiply(mx::subtract(mx::expm1(mx::minimum(x, eps)), x), negative);
  return mx::where(mx::greater(x, scalar_like(0.0, x)), above, mx::add(below, linear));
}

/** Source: mlx-lm 0.32.2 models/phi3small.py. */
mx::array ActivationFunction::gegelu(const mx::array& gate, const mx::array& up) const {
  const mx::array high = scalar_like(limit_, gate);
  const mx::array linear = mx::clip(up, mx::negative(high), high);
  return mx::multiply((*this)(mx::minimum(gate, high)), mx::add(linear, scalar_like(1.0, up)));
}

mx::array ActivationFunction::gated(const mx::array& gate, const mx::array& up) const {
  if (kind_ == Activation::Silu) {
    return ops::swiglu(gate, up);
  }
  if (kind_ == Activation::GeGelu) {
    return gegelu(gate, up);
  }
  return kind_ == Activation::GeluTanh ? ops::gelu_tanh_mul(gate, up) : mx::multiply((*this)(gate), up);
}

void ActivationFunction::plan(ops::StepFfn& to) const {
  to.activation = step_form(kind_);
  to.limit = static_cast<float>(limit_);
  if (xielu_) {
    const auto number = [](const mx::array& a) { return mx::astype(a, mx::float32).item<float>(); };
    to.xielu = {number(xielu_->positive), number(xielu_->negative), number(xielu_->beta), number(xielu_->eps)};
  }
}

}  // namespace burin::nn
