// Exact products: codes are unpacked in order, eight at a time, for up to four rows of x.
#include "kernels/neon.h"
#include "kernels/qmatmul_table.h"

namespace burin::kernels {
namespace {

constexpr int kTileX = 4;

struct Eight {
  float32x4_t low, high;
};

/** Eight codes, which lie in `bits` bytes. */
template <int bits>
inline Eight unpack_eight(const uint8_t* from) {
  uint64_t word = 0;
  __builtin_memcpy(&word, from, bits);
  static constexpr int32_t kDown[4] = {0, -bits, -2 * bits, -3 * bits};
  const int32x4_t down = vld1q_s32(kDown);
  const uint32x4_t mask = vdupq_n_u32((1U << bits) - 1);
  const auto four = [&](uint64_t codes) {
    return vcvtq_f32_u32(vandq_u32(vshlq_u32(vdupq_n_u32(static_cast<uint32_t>(codes)), down), mask));
  };
  return {four(word), four(word >> (4 * bits))};
}

inline float factor(const void* values, ScaleType type, int64_t i) {
  if (type == ScaleType::F32) {
    return static_cast<const float*>(values)[i];
  }
  return vgetq_lane_f32(widen_half(vdup_n_u16(static_cast<const uint16_t*>(values)[i]), type), 0);
}

/** One row of W against `columns` rows of x from `m` on. Every sum is taken in the same order for any `columns`. */
template <int bits, int columns>
void tile(const QuantizedMatrix& w, int64_t row, const ExactInput& x, int64_t m, float* y) {
  Eight total[columns];
  float offset[columns] = {};
#pragma GCC unroll 4
  for (int j = 0; j < columns; ++j) {
    total[j] = {vdupq_n_f32(0.0F), vdupq_n_f32(0.0F)};
  }
  for (int64_t g = 0; g < w.groups(); ++g) {
    const float scale = factor(w.scales, w.scale_type, row * w.groups() + g);
    const float bias = factor(w.biases, w.scale_type, row * w.groups() + g);
    Eight dot[columns];
#pragma GCC unroll 4
    for (int j = 0; j < columns; ++j) {
      dot[j] = {vdupq_n_f32(0.0F), vdupq_n_f32(0.0F)};
      offset[j] += bias * x.sums[(m + j) * x.sums_stride + g];
    }
    for (int64_t k = g * w.group_size; k < (g + 1) * w.group_size; k += 8) {
      const Eight codes = unpack_eight<bits>(w.row(row) + k * bits / 8);
#pragma GCC unroll 4
      for (int j = 0; j < columns; ++j) {
        const float* const values = x.planes + (m + j) * x.planes_stride + k;
        dot[j].low = vfmaq_f32(dot[j].low, codes.low, vld1q_f32(values));
        dot[j].high = vfmaq_f32(dot[j].high, codes.high, vld1q_f32(values + 4));
      }
    }
#pragma GCC unroll 4
    for (int j = 0; j < columns; ++j) {
      total[j].low = vfmaq_n_f32(total[j].low, dot[j].low, scale);
      total[j].high = vfmaq_n_f32(total[j].high, dot[j].high, scale);
    }
  }
#pragma GCC unroll 4
  for (int j = 0; j < columns; ++j) {
    y[(m + j) * w.rows + row] = vaddvq_f32(vaddq_f32(total[j].low, total[j].high)) + offset[j];
  }
}

template <int bits>
void rows_of(const QuantizedMatrix& w, const ExactInput& x, int64_t begin, int64_t end, float* y) {
  using Tile = void (*)(const QuantizedMatrix&, int64_t, const ExactInput&, int64_t, float*);
  static constexpr Tile kTiles[kTileX] = {tile<bits, 1>, tile<bits, 2>, tile<bits, 3>, tile<bits, 4>};
  for (int64_t r = begin; r < end; ++r) {
    for (int64_t m = 0; m < x.m; m += kTileX) {
      kTiles[(x.m - m < kTileX ? x.m - m : kTileX) - 1](w, r, x, m, y);
    }
  }
}

template <int bits>
void dequantize(const QuantizedMatrix& w, int64_t row, float* out) {
  for (int64_t k = 0; k < w.columns; k += 8) {
    const int64_t at = row * w.groups() + k / w.group_size;
    const float32x4_t scale = vdupq_n_f32(factor(w.scales, w.scale_type, at));
    const float32x4_t bias = vdupq_n_f32(factor(w.biases, w.scale_type, at));
    const Eight codes = unpack_eight<bits>(w.row(row) + k * bits / 8);
    vst1q_f32(out + k, vaddq_f32(vmulq_f32(scale, codes.low), bias));
    vst1q_f32(out + k + 4, vaddq_f32(vmulq_f32(scale, codes.high), bias));
  }
}

/** `rows` rows of x against a panel of 16 columns. */
template <int rows>
void panel_tile(const FloatRows& x, const float* panel, const PanelOutput& out) {
  Sixteen sum[rows];
#pragma GCC unroll 4
  for (int i = 0; i < rows; ++i) {
    const float* const from = out.y + i * out.ldy;
    sum[i] = each_of<Sixteen>([&](int c) { return out.add ? vld1q_f32(from + 4 * c) : vdupq_n_f32(0.0F); });
  }
  for (int64_t c = 0; c < x.width; ++c) {
    const Sixteen w = load_factors(panel + c * kPanelRows, ScaleType::F32);
#pragma GCC unroll 4
    for (int i = 0; i < rows; ++i) {
      const float value = x.at[i * x.stride + c];
      sum[i] = each_of<Sixteen>([&](int at) { return vfmaq_n_f32(sum[i].at[at], w.at[at], value); });
    }
  }
#pragma GCC unroll 4
  for (int i = 0; i < rows; ++i) {
#pragma GCC unroll 4
    for (int c = 0; c < 4; ++c) {
      vst1q_f32(out.y + i * out.ldy + 4 * c, sum[i].at[c]);
    }
  }
}

void panel(const FloatRows& x, const float* panel, const PanelOutput& out) {
  const auto rows_from = [&](int64_t i) { return FloatRows{x.at + i * x.stride, x.stride, x.count - i, x.width}; };
  const auto to = [&](int64_t i) { return PanelOutput{out.y + i * out.ldy, out.ldy, out.add}; };
  int64_t i = 0;
  for (; i + 4 <= x.count; i += 4) {
    panel_tile<4>(rows_from(i), panel, to(i));
  }
  for (; i < x.count; ++i) {
    panel_tile<1>(rows_from(i), panel, to(i));
  }
}

void prepare_exact(const QuantizedMatrix& w, const float* x, float* planes, float* sums) {
  __builtin_memcpy(planes, x, static_cast<size_t>(w.columns) * sizeof(float));
  for (int64_t g = 0; g < w.groups(); ++g) {
    float32x4_t sum = vdupq_n_f32(0.0F);
    for (int64_t i = g * w.group_size; i < (g + 1) * w.group_size; i += 4) {
      sum = vaddq_f32(sum, vld1q_f32(x + i));
    }
    sums[g] = vaddvq_f32(sum);
  }
}

using Rows = void (*)(const QuantizedMatrix&, const ExactInput&, int64_t, int64_t, float*);
using Dequantize = void (*)(const QuantizedMatrix&, int64_t, float*);

void exact_rows(const QuantizedMatrix& w, const ExactInput& x, int64_t begin, int64_t end, float* /*scratch*/,
                float* y) {
  static constexpr Rows kByBits[] = {nullptr,    nullptr,    rows_of<2>, rows_of<3>, rows_of<4>,
                                     rows_of<5>, rows_of<6>, nullptr,    rows_of<8>};
  kByBits[w.bits](w, x, begin, end, y);
}

void dequantize_row(const QuantizedMatrix& w, int64_t row, float* out) {
  static constexpr Dequantize kByBits[] = {nullptr,       nullptr,       dequantize<2>, dequantize<3>, dequantize<4>,
                                           dequantize<5>, dequantize<6>, nullptr,       dequantize<8>};
  kByBits[w.bits](w, row, out);
}

}  // namespace

const QMatmulTable& qmatmul_neon() {
  static constexpr QMatmulTable kTable{prepare_exact, exact_rows, dequantize_row, panel};
  return kTable;
}

}  // namespace burin::kernels
