// y = x W^T for weights that are not quantized, in rows of float32, float16 or bfloat16 as a checkpoint has them.
// Activations, products and sums are float32. A row of y does not depend on the other rows of x, bit for bit.
#pragma once

#include <cstdint>

#include "kernels/qmatmul.h"

namespace burin::kernels {

struct DenseMatrix {
  const void* data = nullptr;       // (rows, columns)
  ScaleType type = ScaleType::F32;  // or F16, BF16
  int64_t rows = 0;
  int64_t columns = 0;
};

/** Shapes: x (m, columns) -> y (m, rows). On all threads. */
void dense_matmul(const DenseMatrix& w, const float* x, int64_t m, float* y);

}  // namespace burin::kernels
