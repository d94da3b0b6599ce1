// What one instruction set provides for float_codes.h.
#pragma once

#include "kernels/float_codes.h"

namespace burin::kernels {

struct FloatCodesTable {
  /** Rows [begin, end) of W against all of x. Shapes: x (m, columns), y (m, rows). */
  void (*rows)(const FloatCodeMatrix& w, const float* x, int64_t m, int64_t begin, int64_t end, float* y);
};

const FloatCodesTable& float_codes_scalar();
const FloatCodesTable& float_codes_avx2();
const FloatCodesTable& float_codes_neon();

}  // namespace burin::kernels
