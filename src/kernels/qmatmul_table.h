// What one instruction set provides for qmatmul.h. Layouts of prepared activations are private to each set.
#pragma once

#include "kernels/float_rows.h"
#include "kernels/qmatmul.h"

namespace burin::kernels {

/** Activations prepared for the exact vector kernel. Strides are in elements, one row of x after another. */
struct ExactInput {
  const float* planes;
  int64_t planes_stride;
  const float* sums;  // of each weight group
  int64_t sums_stride;
  int64_t m;
};

/** Where a product with a panel goes: row i to y + i * ldy, added to what is there where `add`. */
struct PanelOutput {
  float* y;
  int64_t ldy;
  bool add;
};

struct QMatmulTable {
  /** x (columns) -> planes (padded columns) in this set's order, sums (groups). */
  void (*prepare_exact)(const QuantizedMatrix& w, const float* x, float* planes, float* sums);
  /** Rows [begin, end) of y for every row of x. Scratch holds scratch_floats(w, end - begin). */
  void (*exact_rows)(const QuantizedMatrix& w, const ExactInput& x, int64_t begin, int64_t end, float* scratch,
                     float* y);
  void (*dequantize_row)(const QuantizedMatrix& w, int64_t row, float* out);
  /** Sixteen columns of each row of y: x (m, k) against a panel (k, 16). Null: not provided. */
  void (*panel)(const FloatRows& x, const float* panel, const PanelOutput& out);
};

constexpr int64_t kRowBlock = 4;     // rows of W that a vector kernel takes at once
constexpr int64_t kRowChunk = 32;    // rows of W that stay in L2 while all of x passes
constexpr int64_t kPanelRows = 16;   // rows of W in a float panel
constexpr int64_t kColumnPad = 128;  // prepared rows of x are padded with zeros to this
constexpr int64_t kGroupPad = 8;     // and their sums and scales to this many more

inline int64_t padded(int64_t n, int64_t to) {
  return (n + to - 1) / to * to;
}

/** Scales and biases of `rows` rows, widened. */
inline int64_t scratch_floats(const QuantizedMatrix& w, int64_t rows) {
  return 2 * rows * (w.columns / 32 + 2 * kGroupPad);
}

/** That of the instruction set in use. */
const QMatmulTable& qmatmul_table();
const QMatmulTable& qmatmul_scalar();
const QMatmulTable& qmatmul_avx2();
const QMatmulTable& qmatmul_neon();

}  // namespace burin::kernels
