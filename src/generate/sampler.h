// The whole chain from log-probabilities to a token.
#pragma once

#include "generate/samplers.h"

namespace burin::generate {

/** Shapes: logprobs (B, V) -> token ids (B), uint32. */
using Sampler = SamplingStep;

/**
 * mlx-lm's make_sampler: argmax at temperature 0 (filters ignored), else every step of the table that is switched on.
 * Throws: InvalidArgument for a parameter out of range, also at temperature 0.
 */
Sampler make_sampler(const SamplingParams& params, std::vector<int32_t> xtc_special_tokens, int vocab_size);

}  // namespace burin::generate
