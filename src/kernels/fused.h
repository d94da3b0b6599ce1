// The element-wise parts of a decoder layer, each in one pass over float32.
#pragma once

#include <cstdint>

namespace burin::kernels {

/** x * weight / sqrt(mean(x^2) + eps) by row; `weight` may be null. Shapes: x, out (rows, columns), weight (columns).
 */
void rms_norm(const float* x, const float* weight, int64_t rows, int64_t columns, float eps, float* out);

/** gate * sigmoid(gate) * up. */
void swiglu(const float* gate, const float* up, int64_t count, float* out);

/** gelu(gate) * up, gelu by tanh. */
void gelu_tanh_mul(const float* gate, const float* up, int64_t count, float* out);

struct RopeShape {
  int64_t batch, heads, length, head_dim;
  int64_t batch_stride, head_stride, length_stride;  // of x, in elements; its last axis is dense
  int64_t dims;                                      // rotated; even
  bool traditional;                                  // pairs (2i, 2i + 1) instead of (i, i + dims / 2)
};

/** Rotates pair i of row (b, h, l) by an angle. Shapes: cosines, sines (length, dims / 2), out (batch, heads, length,
 * head_dim). */
void rope(const RopeShape& shape, const float* x, const float* cosines, const float* sines, float* out);

}  // namespace burin::kernels
