// Rotary position embedding of every kind in RopeSpec.
#pragma once

#include <optional>

#include "nn/spec.h"
#include "ops/decoder_step.h"
#include "ops/fused.h"

namespace burin::nn {

/** Rotates the first `dims` of each head. Source: mlx-lm 0.32.2 models/rope_utils.py. */
class Rope {
 public:
  explicit Rope(const RopeSpec& spec);
  /** Shapes: x (B, H, L, Dh) -> the same; `offset` is the position of the first of the L tokens. */
  mx::array operator()(const mx::array& x, int offset) const;
  /** False where a plan cannot hold it. */
  bool plan(ops::DecoderPlan& plan, ops::StepRope& to) const;

 private:
  RopeSpec spec_;
  double position_scale_ = 1.0;
  double input_scale_ = 1.0;  // multiplies the rotated part before rotation
  std::optional<mx::array> periods_;
};

}  // namespace burin::nn
