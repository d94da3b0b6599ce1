// What a choice of the next token does to logits, without the passes over the vocabulary that MLX's parts would take.
#pragma once

#include "ops/array.h"

namespace burin::ops {

/** x - logsumexp(x) over the last axis. Shapes: x (B, V) -> (B, V). */
mx::array log_softmax(const mx::array& x);

/** The `k` largest of each row, minus infinity elsewhere; 0 < k < V. Shapes: x (B, V) -> (B, V). */
mx::array keep_largest(const mx::array& x, int k);

/** The most likely tokens whose probabilities add up to `share` of all, minus infinity elsewhere; ties with the last
 * stay. Shapes: logprobs (B, V) -> (B, V). */
mx::array keep_mass(const mx::array& logprobs, double share);

/** The elements whose bits are set in `words`, lowest bit first; minus infinity elsewhere.
 * Shapes: x (B, V), words (B, V / 32 rounded up) uint32 -> (B, V). */
mx::array keep_allowed(const mx::array& x, const mx::array& words);

}  // namespace burin::ops
