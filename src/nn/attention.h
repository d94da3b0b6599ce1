// Grouped-query attention with the variations of AttentionSpec.
#pragma once

#include <string>

#include "nn/cache.h"
#include "nn/layers.h"
#include "nn/rope.h"

namespace burin::nn {

class Attention {
 public:
  Attention(Parameters& parameters, const std::string& path, int hidden_size, const LayerSpec& spec);
  /** Shapes: x (B, L, D) -> (B, L, D); appends L tokens to `cache`. */
  mx::array operator()(const mx::array& x, const ops::Mask& mask, Cache& cache) const;

 private:
  struct Projected {
    mx::array q, k, v;  // (B, L, heads * Dh)
  };
  Projected project(const mx::array& x) const;
  /** (B, L, n * Dh) -> (B, n, L, Dh), normalised per head where asked. */
  mx::array split_heads(const mx::array& x, int heads, const std::optional<RmsNorm>& norm) const;

  AttentionSpec spec_;
  std::vector<Linear> projections_;  // q, k, v, or the fused one
  Linear o_proj_;
  std::optional<RmsNorm> q_norm_;
  std::optional<RmsNorm> k_norm_;
  Rope rope_;
};

}  // namespace burin::nn
