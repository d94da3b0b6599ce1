// The feed-forward block, gated or plain.
#pragma once

#include <string>

#include "nn/activation.h"
#include "nn/layers.h"

namespace burin::nn {

/** down(act(gate(x)) * up(x)), or down(act(up(x))). */
class FeedForward {
 public:
  FeedForward(Parameters& parameters, const std::string& path, int hidden_size, const FfnSpec& spec,
              const LayerNames& names);
  /** Shapes: x (B, L, D) -> (B, L, D). */
  mx::array operator()(const mx::array& x) const;
  /** Its part of a layer; false where a plan cannot hold it. */
  bool plan(ops::DecoderPlan& plan, ops::StepFfn& to) const;

 private:
  FfnSpec spec_;
  ActivationFunction activation_;
  std::vector<Linear> inputs_;  // gate and up, the fused one, or up alone
  Linear down_;
};

}  // namespace burin::nn
