// Grouped-query attention with the variations of AttentionSpec.
#pragma once

#include <string>

#include "nn/cache.h"
#include "nn/layers.h"
#include "nn/qk_norm.h"
#include "nn/rope.h"

namespace burin::nn {

class Attention {
 public:
  Attention(Parameters& parameters, const std::string& path, int hidden_size, const LayerSpec& spec,
            const LayerNames& names);
  /** Shapes: x (B, L, D) -> (B, L, D); appends L tokens to `cache`. */
  mx::array operator()(const mx::array& x, const ops::Mask& mask, Cache& cache) const;
  /** Its part of a layer; false where a plan cannot hold it. */
  bool plan(ops::DecoderPlan& plan, ops::StepAttention& to) const;

 private:
  struct Projected {
    mx::array q, k, v;  // (B, L, heads, Dh)
  };
  bool can_plan() const;
  Projected project(const mx::array& x) const;
  /** (B, L, n, Dh) -> (B, n, L, Dh), normalised and rotated in the order of the spec. */
  mx::array place(const mx::array& x, const HeadNorm& norm, int offset) const;
  mx::array warmed(const mx::array& q, int offset) const;

  AttentionSpec spec_;
  std::vector<Linear> projections_;  // q, k, v, or the fused one
  Linear o_proj_;
  HeadNorm q_norm_;
  HeadNorm k_norm_;
  Rope rope_;
};

}  // namespace burin::nn
