// y = x W^T for affine-quantized W: rows of codes as little-endian bit streams, one scale and bias for each group of a
// row, as MLX stores them. Every product in float32: what packed.h is measured against.
#pragma once

#include <cstdint>

namespace burin::kernels {

/** The last two are bytes: of MX and NVFP4 weights (float_codes.h). */
enum class ScaleType { F32, F16, BF16, E8M0, E4M3 };

/** Bits 2, 3, 4, 5, 6 or 8; groups of 32, 64 or 128; columns a multiple of the group. Scales are read as stored. */
struct QuantizedMatrix {
  const uint32_t* codes = nullptr;  // (rows, columns * bits / 32)
  const void* scales = nullptr;     // (rows, columns / group_size)
  const void* biases = nullptr;
  ScaleType scale_type = ScaleType::F32;
  int64_t rows = 0;
  int64_t columns = 0;
  int group_size = 0;
  int bits = 0;

  int64_t groups() const { return columns / group_size; }
  const uint8_t* row(int64_t r) const { return reinterpret_cast<const uint8_t*>(codes) + r * columns * bits / 8; }
};

/** Shapes: x (m, columns) -> y (m, rows). Source of the format: mlx affine quantization. */
void quantized_matmul_exact(const QuantizedMatrix& w, const float* x, int64_t m, float* y);

/** out[i] = dequantized row ids[i]; negative ids count from the end, others beyond the table give NaN. Shapes: out
 * (count, columns). */
void dequantize_rows(const QuantizedMatrix& w, const int32_t* ids, int64_t count, float* out);

}  // namespace burin::kernels
