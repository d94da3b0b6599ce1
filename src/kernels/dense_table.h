// What one instruction set provides for dense.h.
#pragma once

#include "kernels/dense.h"

namespace burin::kernels {

struct DenseTable {
  /** Rows [begin, end) of W against all of x. Shapes: x (m, columns), y (m, rows). */
  void (*rows)(const DenseMatrix& w, const float* x, int64_t m, int64_t begin, int64_t end, float* y);
};

constexpr int64_t kDenseRows = 4;  // of W that a vector kernel takes at once

const DenseTable& dense_scalar();
const DenseTable& dense_avx2();
const DenseTable& dense_avx512();
const DenseTable& dense_neon();

}  // namespace burin::kernels
