#include "kernels/float_codes.h"

#include <algorithm>
#include <array>
#include <limits>

#include "kernels/float_codes_table.h"
#include "kernels/half.h"
#include "kernels/isa_table.h"
#include "kernels/thread_pool.h"

namespace burin::kernels {
namespace {

constexpr int64_t kGrainWeights = 32 << 10;  // times rows of x, that are worth handing to another thread
constexpr int64_t kPair = 2;                 // rows of W that a vector kernel takes at once

const FloatCodesTable& table() {
  return kernels_in_use().float_codes();
}

/** The same bits below float16's wider exponent. */
float e4m3_to_float(uint8_t bits) {
  const auto half = static_cast<uint16_t>((bits & 0x80U) << 8 | (bits & 0x7fU) << 7);
  return 256.0F * float16_to_float(half);
}

float value_at(const FloatCodeMatrix& w, int64_t row, int64_t column) {
  const uint8_t scale = w.scales[row * w.groups() + column / w.group_size];
  const uint8_t* const codes = w.row(row);
  uint8_t code = codes[column];
  if (w.code == FloatCode::E2M1) {
    code = column % 2 == 0 ? codes[column / 2] & 15U : codes[column / 2] >> 4;
  }
  return float_scale_value(w.scale, scale) * float_code_value(w.code, code);
}

void scalar_rows(const FloatCodeMatrix& w, const float* x, int64_t m, int64_t begin, int64_t end, float* y) {
  for (int64_t r = begin; r < end; ++r) {
    for (int64_t i = 0; i < m; ++i) {
      float sum = 0.0F;
      for (int64_t k = 0; k < w.columns; ++k) {
        sum += value_at(w, r, k) * x[i * w.columns + k];
      }
      y[i * w.rows + r] = sum;
    }
  }
}

}  // namespace

float float_code_value(FloatCode code, uint8_t bits) {
  static constexpr std::array<float, 8> kE2m1{0.0F, 0.5F, 1.0F, 1.5F, 2.0F, 3.0F, 4.0F, 6.0F};
  if (code == FloatCode::E4M3) {
    return e4m3_to_float(bits);
  }
  return (bits & 8U) != 0 ? -kE2m1[bits & 7U] : kE2m1[bits & 7U];
}

float float_scale_value(ScaleType scale, uint8_t bits) {
  if (scale == ScaleType::E4M3) {
    return e4m3_to_float(bits);
  }
  return bfloat16_to_float(static_cast<uint16_t>(bits == 0 ? 0x40U : unsigned{bits} << 7));
}

const FloatCodesTable& float_codes_scalar() {
  static constexpr FloatCodesTable kTable{scalar_rows};
  return kTable;
}

void float_code_matmul(const FloatCodeMatrix& w, const float* x, int64_t m, float* y) {
  const FloatCodesTable& t = table();
  const int64_t grain = std::max<int64_t>(1, kGrainWeights / std::max<int64_t>(1, kPair * w.columns * m));
  pool().parallel_for((w.rows + kPair - 1) / kPair, grain, [&](int64_t begin, int64_t end) {
    t.rows(w, x, m, begin * kPair, std::min(end * kPair, w.rows), y);
  });
}

void dequantize_float_rows(const FloatCodeMatrix& w, const int32_t* ids, int64_t count, float* out) {
  for (int64_t i = 0; i < count; ++i) {
    const int64_t row = ids[i] < 0 ? ids[i] + w.rows : ids[i];
    for (int64_t k = 0; k < w.columns; ++k) {
      const bool there = row >= 0 && row < w.rows;
      out[i * w.columns + k] = there ? value_at(w, row, k) : std::numeric_limits<float>::quiet_NaN();
    }
  }
}

}  // namespace burin::kernels
