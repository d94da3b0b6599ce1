#include "nn/feed_forward.h"

namespace burin::nn {

FeedForward::FeedForward(Parameters& parameters, const std::string& path, int hidden_size, const FfnSpec& spec,
                         const LayerNames& names)
    : spec_(spec),
      activation_(parameters, path + ".act_fn", spec.activation),
      down_(parameters, path + "." + names.down, spec.intermediate_size, hidden_size, spec.bias) {
  const auto add = [&](const std::string& name, int rows) {
    inputs_.emplace_back(parameters, path + "." + name, hidden_size, rows, spec.bias);
  };
  if (spec.gated && spec.layout != GateUpLayout::Separate) {
    add(names.gate_up, 2 * spec.intermediate_size);
    return;
  }
  if (spec.gated) {
    add(names.gate, spec.intermediate_size);
  }
  add(names.up, spec.intermediate_size);
}

mx::array FeedForward::operator()(const mx::array& x) const {
  if (!spec_.gated) {
    return down_(activation_(inputs_[0](x)));
  }
  if (spec_.layout == GateUpLayout::Separate) {
    return down_(activation_.gated(inputs_[0](x), inputs_[1](x)));
  }
  const std::vector<mx::array> halves = mx::split(inputs_[0](x), 2, -1);
  const size_t gate = spec_.layout == GateUpLayout::GateFirst ? 0 : 1;
  return down_(activation_.gated(halves[gate], halves[1 - gate]));
}

}  // namespace burin::nn
