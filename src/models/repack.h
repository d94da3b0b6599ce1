// Loops that put the matrices of other quantizers into MLX's layouts, or into float32. No MLX, no files.
// Source: mlx-lm 0.32.2 utils.py (_transform_awq_weights) and models/deepseek_v3.py (sanitize); AutoGPTQ's packing.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace burin::models {

/** Shape of a matrix (outputs, inputs) and of what belongs to it. */
struct MatrixShape {
  int64_t rows = 0;
  int64_t columns = 0;
};

/** AWQ: q (columns, rows / 8), eight rows of one column in a word, interleaved -> (rows, columns / 8). */
std::vector<uint32_t> repack_awq(std::span<const uint32_t> q, const MatrixShape& shape);

/** GPTQ: q (columns / 8, rows), eight columns of one row in a word, in order -> (rows, columns / 8). */
std::vector<uint32_t> repack_gptq(std::span<const uint32_t> q, const MatrixShape& shape);

/** Zero points (groups, rows / 8) as values (rows, groups); `awq_order` says how nibbles stand, `offset` is added. */
std::vector<uint8_t> unpack_zeros(std::span<const uint32_t> zeros, int64_t rows, bool awq_order, int offset);

/** (rows, columns) -> (columns, rows). */
std::vector<float> transpose(std::span<const float> values, int64_t rows, int64_t columns);

/** E4M3 codes times the scale of their block, rounded to bfloat16 as mlx-lm does. `block` 0, 0: one scale. */
std::vector<float> dequantize_fp8(std::span<const uint8_t> codes, std::span<const float> scales,
                                  const MatrixShape& shape, const MatrixShape& block);

/** E2M1 codes, two in a byte, times the E4M3 scale of their 16 times `global_scale`. */
std::vector<float> dequantize_nvfp4(std::span<const uint8_t> codes, std::span<const uint8_t> scales,
                                    const MatrixShape& shape, float global_scale);

}  // namespace burin::models
