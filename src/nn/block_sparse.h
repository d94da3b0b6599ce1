// Which keys a layer's queries see, where attention skips whole blocks of them.
#pragma once

#include <compare>

#include "nn/cache.h"
#include "nn/spec.h"

namespace burin::nn {

/** What the masks of a layer depend on, besides its cache. */
struct Sight {
  int window = 0;
  BlockSparsity sparsity;
  auto operator<=>(const Sight&) const = default;
};

/** The cache's mask, with the keys taken out that `sight` skips; those caches keep every key in its place. */
ops::Mask make_mask(const Cache& cache, int new_tokens, const Sight& sight);

/** Shapes: -> (1, H, L, S), S the tokens of a text that ends with L new ones; causal. */
mx::array block_sparse_mask(const BlockSparsity& sparsity, int new_tokens, int all_tokens);

}  // namespace burin::nn
