#include "models/repack.h"

#include <array>
#include <bit>
#include <cmath>
#include <limits>

#include "ops/half.h"

namespace burin::models {
namespace {

// Row 8p + j of AWQ's word p stands at this bit.
constexpr std::array<int, 8> kAwqShift{0, 16, 4, 20, 8, 24, 12, 28};

/** Values of all E4M3 codes; the format has no infinities and one NaN of each sign. */
std::array<float, 256> make_e4m3() {
  std::array<float, 256> table{};
  for (int code = 0; code < 256; ++code) {
    const int exponent = (code >> 3) & 15;
    const int mantissa = code & 7;
    float value = exponent == 0 ? std::ldexp(static_cast<float>(mantissa), -9)
                                : std::ldexp(static_cast<float>(8 + mantissa), exponent - 10);
    if ((code & 0x7F) == 0x7F) {
      value = std::numeric_limits<float>::quiet_NaN();
    }
    table[static_cast<size_t>(code)] = (code & 0x80) != 0 ? -value : value;
  }
  return table;
}

const std::array<float, 256>& e4m3() {
  static const std::array<float, 256> kTable = make_e4m3();
  return kTable;
}

constexpr std::array<float, 16> kE2m1{0.0F,  0.5F,  1.0F,  1.5F,  2.0F,  3.0F,  4.0F,  6.0F,
                                      -0.0F, -0.5F, -1.0F, -1.5F, -2.0F, -3.0F, -4.0F, -6.0F};

float round_to_bfloat16(float value) {
  return std::bit_cast<float>(static_cast<uint32_t>(ops::float_to_bfloat16(value)) << 16);
}

}  // namespace

std::vector<uint32_t> repack_awq(std::span<const uint32_t> q, const MatrixShape& shape) {
  const auto words = static_cast<size_t>(shape.rows / 8);
  const auto out_words = static_cast<size_t>(shape.columns / 8);
  std::vector<uint32_t> out(q.size());
  for (size_t p = 0; p < words; ++p) {
    for (size_t r = 0; r < out_words; ++r) {
      std::array<uint32_t, 8> rows{};
      for (size_t i = 0; i < 8; ++i) {
        const uint32_t word = q[(8 * r + i) * words + p];
        for (size_t j = 0; j < 8; ++j) {
          rows[j] |= ((word >> kAwqShift[j]) & 15U) << (4 * i);
        }
      }
      for (size_t j = 0; j < 8; ++j) {
        out[(8 * p + j) * out_words + r] = rows[j];
      }
    }
  }
  return out;
}

std::vector<uint32_t> repack_gptq(std::span<const uint32_t> q, const MatrixShape& shape) {
  const auto rows = static_cast<size_t>(shape.rows);
  const auto words = static_cast<size_t>(shape.columns / 8);
  std::vector<uint32_t> out(q.size());
  for (size_t word = 0; word < words; ++word) {
    for (size_t row = 0; row < rows; ++row) {
      out[row * words + word] = q[word * rows + row];
    }
  }
  return out;
}

std::vector<uint8_t> unpack_zeros(std::span<const uint32_t> zeros, int64_t rows, bool awq_order, int offset) {
  const auto count = static_cast<size_t>(rows);
  const size_t groups = count == 0 ? 0 : zeros.size() * 8 / count;
  std::vector<uint8_t> out(count * groups);
  for (size_t row = 0; row < count; ++row) {
    const int shift = awq_order ? kAwqShift[row % 8] : static_cast<int>(4 * (row % 8));
    for (size_t g = 0; g < groups; ++g) {
      const uint32_t zero = zeros[g * (count / 8) + row / 8] >> shift;
      out[row * groups + g] = static_cast<uint8_t>((zero + static_cast<uint32_t>(offset)) & 15U);
    }
  }
  return out;
}

std::vector<float> transpose(std::span<const float> values, int64_t rows, int64_t columns) {
  std::vector<float> out(values.size());
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t column = 0; column < columns; ++column) {
      out[static_cast<size_t>(column * rows + row)] = values[static_cast<size_t>(row * columns + column)];
    }
  }
  return out;
}

std::vector<float> dequantize_fp8(std::span<const uint8_t> codes, std::span<const float> scales,
                                  const MatrixShape& shape, const MatrixShape& block) {
  const MatrixShape step{block.rows == 0 ? shape.rows : block.rows, block.columns == 0 ? shape.columns : block.columns};
  const int64_t scales_per_row = (shape.columns + step.columns - 1) / step.columns;
  std::vector<float> out(codes.size());
  for (int64_t row = 0; row < shape.rows; ++row) {
    const float* row_scales = scales.data() + row / step.rows * scales_per_row;
    for (int64_t column = 0; column < shape.columns; ++column) {
      const auto at = static_cast<size_t>(row * shape.columns + column);
      out[at] = round_to_bfloat16(e4m3()[codes[at]] * row_scales[column / step.columns]);
    }
  }
  return out;
}

std::vector<float> dequantize_nvfp4(std::span<const uint8_t> codes, std::span<const uint8_t> scales,
                                    const MatrixShape& shape, float global_scale) {
  std::vector<float> out(static_cast<size_t>(shape.rows * shape.columns));
  for (size_t i = 0; i < out.size(); ++i) {
    const int code = (codes[i / 2] >> (4 * (i % 2))) & 15;
    out[i] = kE2m1[static_cast<size_t>(code)] * (e4m3()[scales[i / 16]] * global_scale);
  }
  return out;
}

}  // namespace burin::models
