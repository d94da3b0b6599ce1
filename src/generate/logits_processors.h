// What changes the logits before they become log-probabilities: bias and penalties, in mlx-lm's order.
// Source: mlx-lm 0.32.2 sample_utils.py, make_logits_processors.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "generate/parameter.h"
#include "ops/array.h"

namespace burin::generate {

/** Shapes: tokens (N) so far, prompt first; logits (1, V) -> (1, V). */
using LogitsProcessor = std::function<mx::array(const mx::array& tokens, const mx::array& logits)>;

/** The penalties and their context sizes; a context size of 0 means the whole context, as in mlx-lm. */
std::span<const Parameter> logits_processor_parameters();

/**
 * Those switched on, in order: logit bias, repetition, presence, frequency.
 * Throws: InvalidArgument for a parameter out of range or a biased id outside the vocabulary.
 */
std::vector<LogitsProcessor> make_logits_processors(const SamplingParams& params, int vocab_size);

/** How many of the newest tokens the processors look at; 0: all of them. */
int context_needed(const SamplingParams& params);

}  // namespace burin::generate
