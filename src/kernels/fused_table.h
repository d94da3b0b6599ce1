// What one instruction set provides for fused.h and attention.h.
#pragma once

#include "kernels/attention.h"
#include "kernels/float_rows.h"
#include "kernels/fused.h"

namespace burin::kernels {

struct FusedTable {
  void (*rms_norm_row)(const float* x, const float* weight, int64_t count, float eps, float* out);
  /** (x - mean) / sqrt(variance + eps) * weight + bias; `weight` and `bias` may be null, `out` may be `x`. */
  void (*layer_norm_row)(const float* x, const float* weight, const float* bias, int64_t count, float eps, float* out);
  // act(gate) * up; act(gate) alone where `up` is null
  void (*swiglu)(const float* gate, const float* up, int64_t count, float* out);
  void (*gelu_tanh_mul)(const float* gate, const float* up, int64_t count, float* out);
  void (*gelu_mul)(const float* gate, const float* up, int64_t count, float* out);  // gelu by erf
  /** out_i = x_i c_i - x_{i+half} s_i, out_{i+half} = x_i s_i + x_{i+half} c_i. */
  void (*rotate_halves)(const float* x, const float* cosines, const float* sines, int64_t half, float* out);

  /** scores[r * ld + j] = scale * q[r] . k_j. `scores` rows are padded to a multiple of four. */
  void (*dot_keys)(const float* const* q, int64_t rows, const FloatRows& keys, float scale, float* scores, int64_t ld);
  /** acc[r * d + i] += sum_j p[r * ld + j] v_j[i], d being their width. */
  void (*add_values)(const float* p, int64_t ld, int64_t rows, const FloatRows& values, float* acc);
  float (*largest)(const float* x, int64_t count);
  /** x_i = exp(x_i - top); returns their sum. */
  float (*exponentials)(float* x, int64_t count, float top);
  void (*multiply)(float* x, int64_t count, float by);
  /** x_i = cap * tanh(x_i / cap). */
  void (*softcap)(float* x, int64_t count, float cap);
};

const FusedTable& fused_scalar();
const FusedTable& fused_avx2();
const FusedTable& fused_neon();

/** The table of the instruction set in use. */
const FusedTable& fused_table();

}  // namespace burin::kernels
