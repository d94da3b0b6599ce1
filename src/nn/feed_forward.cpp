#include "nn/feed_forward.h"

#include "ops/fused.h"

namespace burin::nn {

FeedForward::FeedForward(Parameters& parameters, const std::string& path, int hidden_size, const FfnSpec& spec)
    : spec_(spec), down_proj_(parameters, path + ".down_proj", spec.intermediate_size, hidden_size, spec.bias) {
  if (spec.fused_gate_up) {
    inputs_.emplace_back(parameters, path + ".gate_up_proj", hidden_size, 2 * spec.intermediate_size, spec.bias);
  } else {
    inputs_.emplace_back(parameters, path + ".gate_proj", hidden_size, spec.intermediate_size, spec.bias);
    inputs_.emplace_back(parameters, path + ".up_proj", hidden_size, spec.intermediate_size, spec.bias);
  }
}

mx::array FeedForward::operator()(const mx::array& x) const {
  const std::vector<mx::array> parts =
      spec_.fused_gate_up ? mx::split(inputs_[0](x), 2, -1) : std::vector<mx::array>{inputs_[0](x), inputs_[1](x)};
  return down_proj_(spec_.activation == Activation::SwiGlu ? ops::swiglu(parts[0], parts[1])
                                                           : ops::gelu_tanh_mul(parts[0], parts[1]));
}

}  // namespace burin::nn
