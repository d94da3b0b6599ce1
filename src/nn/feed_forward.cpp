#include "nn/feed_forward.h"

namespace burin::nn {
namespace {

/** Shapes: x (B, L, 2 I) -> (B, L, I), from `first` on. */
mx::array every_second(const mx::array& x, int first) {
  return mx::slice(x, {0, 0, first}, x.shape(), {1, 1, 2});
}

}  // namespace

FeedForward::FeedForward(Parameters& parameters, const std::string& path, int hidden_size, const FfnSpec& spec,
                         const LayerNames& names)
    : spec_(spec),
      activation_(parameters, path + ".act_fn", spec.activation, spec.limit),
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
  const mx::array both = inputs_[0](x);
  if (spec_.layout == GateUpLayout::Alternating) {
    return down_(activation_.gated(every_second(both, 0), every_second(both, 1)));
  }
  const std::vector<mx::array> halves = mx::split(both, 2, -1);
  const size_t gate = spec_.layout == GateUpLayout::GateFirst ? 0 : 1;
  return down_(activation_.gated(halves[gate], halves[1 - gate]));
}

/** The rows of a fused matrix that gate and up have must begin with a panel. */
bool FeedForward::plan(ops::DecoderPlan& plan, ops::StepFfn& to) const {
  activation_.plan(to);
  to.intermediate = spec_.intermediate_size;
  if (!inputs_.back().plan(plan, to.up) || !down_.plan(plan, to.down)) {
    return false;
  }
  if (!spec_.gated) {
    return spec_.activation != Activation::GeGelu;
  }
  if (!inputs_.front().plan(plan, to.gate)) {
    return false;
  }
  to.alternating = spec_.layout == GateUpLayout::Alternating;
  const bool halves = spec_.layout == GateUpLayout::GateFirst || spec_.layout == GateUpLayout::UpFirst;
  if (halves) {
    (spec_.layout == GateUpLayout::GateFirst ? to.up_panel : to.gate_panel) =
        spec_.intermediate_size / ops::kPanelHeight;
  }
  return (!halves || spec_.intermediate_size % ops::kPanelHeight == 0) &&
         to.gate.weight.group_size == to.up.weight.group_size;
}

}  // namespace burin::nn
