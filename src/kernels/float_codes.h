// y = x W^T for weights that are small floats with a scale for each group of a row, as MLX stores them: mxfp4 (E2M1
// codes, E8M0 scales, groups of 32), mxfp8 (E4M3, E8M0, 32) and nvfp4 (E2M1, E4M3, 16). Every product in float32.
#pragma once

#include <cstdint>

#include "kernels/qmatmul.h"

namespace burin::kernels {

enum class FloatCode { E2M1, E4M3 };

struct FloatCodeMatrix {
  const uint8_t* codes = nullptr;   // (rows, columns * bits / 8); at 4 bits the low half comes first
  const uint8_t* scales = nullptr;  // (rows, columns / group_size)
  FloatCode code = FloatCode::E2M1;
  ScaleType scale = ScaleType::E8M0;  // or E4M3
  int64_t rows = 0;
  int64_t columns = 0;
  int group_size = 32;

  int64_t groups() const { return columns / group_size; }
  const uint8_t* row(int64_t r) const { return codes + r * (code == FloatCode::E2M1 ? columns / 2 : columns); }
};

/** Codes that are NaN elsewhere are numbers here, as in MLX: E4M3's 127 is 480, E8M0's 255 infinity. */
float float_code_value(FloatCode code, uint8_t bits);
float float_scale_value(ScaleType scale, uint8_t bits);

/** Shapes: x (m, columns) -> y (m, rows). On all threads. A row of y does not depend on the other rows of x. */
void float_code_matmul(const FloatCodeMatrix& w, const float* x, int64_t m, float* y);

/** As dequantize_rows. */
void dequantize_float_rows(const FloatCodeMatrix& w, const int32_t* ids, int64_t count, float* out);

}  // namespace burin::kernels
