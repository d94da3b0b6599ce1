// What a choice of the next token does to a row of logits as long as the vocabulary.
#pragma once

#include <cstdint>

namespace burin::kernels {

/** x - log(sum(exp(x))) by row, the sum in float64. Shapes: x, out (rows, columns). */
void log_softmax(const float* x, int64_t rows, int64_t columns, float* out);

/** The `k` largest of each row, the first of equal ones; minus infinity elsewhere. Shapes: x, out (rows, columns). */
void keep_largest(const float* x, int64_t rows, int64_t columns, int64_t k, float* out);

/** The smallest set of most likely tokens of each row whose probabilities add up to `share` of all; minus infinity
 * elsewhere. Equal ones stay together. Shapes: logprobs, out (rows, columns). */
void keep_mass(const float* logprobs, int64_t rows, int64_t columns, double share, float* out);

/** What the bits of `words` allow, lowest bit first; minus infinity elsewhere.
 * Shapes: x, out (rows, columns), words (rows, columns / 32 rounded up). */
void keep_allowed(const float* x, const uint32_t* words, int64_t rows, int64_t columns, float* out);

}  // namespace burin::kernels
