// The gated feed-forward block.
#pragma once

#include <string>

#include "nn/layers.h"

namespace burin::nn {

/** down(act(gate(x)) * up(x)). */
class FeedForward {
 public:
  FeedForward(Parameters& parameters, const std::string& path, int hidden_size, const FfnSpec& spec);
  /** Shapes: x (B, L, D) -> (B, L, D). */
  mx::array operator()(const mx::array& x) const;

 private:
  FfnSpec spec_;
  std::vector<Linear> inputs_;  // gate, up, or the fused one
  Linear down_proj_;
};

}  // namespace burin::nn
