// A row of W against up to four of x, sixteen columns at a time. A code times its scale is exact, so is every weight.
#include "kernels/float_codes_table.h"
#include "kernels/neon.h"

namespace burin::kernels {
namespace {

constexpr int kTile = 4;

inline float e4m3_of(uint8_t bits) {
  const uint16x4_t half = vdup_n_u16(static_cast<uint16_t>((bits & 0x80U) << 8 | (bits & 0x7fU) << 7));
  return 256.0F * vgetq_lane_f32(widen_half(half, ScaleType::F16), 0);
}

template <ScaleType scale>
inline float scale_of(uint8_t bits) {
  if constexpr (scale == ScaleType::E4M3) {
    return e4m3_of(bits);
  } else {
    const uint32_t word = bits == 0 ? 0x400000U : static_cast<uint32_t>(bits) << 23;
    float value;
    __builtin_memcpy(&value, &word, sizeof value);
    return value;
  }
}

/** Values of sixteen codes, without the scale. */
template <FloatCode code>
inline Sixteen sixteen_codes(const uint8_t* row, int64_t column) {
  if constexpr (code == FloatCode::E2M1) {
    static constexpr int8_t kDoubled[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};
    const uint8x8_t bytes = vld1_u8(row + column / 2);
    const uint8x8_t low = vand_u8(bytes, vdup_n_u8(15));
    const uint8x8_t high = vshr_n_u8(bytes, 4);
    const uint8x16_t nibbles = vcombine_u8(vzip1_u8(low, high), vzip2_u8(low, high));
    return to_floats(vqtbl1q_s8(vld1q_s8(kDoubled), nibbles)) * 0.5F;
  } else {
    const uint8x16_t bytes = vld1q_u8(row + column);
    return each_of<Sixteen>([&](int i) {
             const uint8x8_t half = i < 2 ? vget_low_u8(bytes) : vget_high_u8(bytes);
             const uint16x8_t eight = vmovl_u8(half);
             const uint16x4_t four = i % 2 == 0 ? vget_low_u16(eight) : vget_high_u16(eight);
             const uint16x4_t magnitude = vshl_n_u16(vand_u16(four, vdup_n_u16(0x7f)), 7);
             return widen_half(vorr_u16(magnitude, vshl_n_u16(vand_u16(four, vdup_n_u16(0x80)), 8)), ScaleType::F16);
           }) *
           256.0F;
  }
}

/** One row of W against `columns` rows of x. */
template <FloatCode code, ScaleType scale, int columns>
void tile(const FloatCodeMatrix& w, int64_t row, const float* x, float* out) {
  float32x4_t total[columns][2];
#pragma GCC unroll 4
  for (int j = 0; j < columns; ++j) {
    total[j][0] = total[j][1] = vdupq_n_f32(0.0F);
  }
  const uint8_t* const scales = w.scales + row * w.groups();
  for (int64_t k = 0; k < w.columns; k += 16) {
    const Sixteen values = sixteen_codes<code>(w.row(row), k) * scale_of<scale>(scales[k / w.group_size]);
#pragma GCC unroll 4
    for (int j = 0; j < columns; ++j) {
#pragma GCC unroll 4
      for (int i = 0; i < 4; ++i) {
        float32x4_t& sum = total[j][i % 2];
        sum = vfmaq_f32(sum, values.at[i], vld1q_f32(x + j * w.columns + k + 4 * i));
      }
    }
  }
#pragma GCC unroll 4
  for (int j = 0; j < columns; ++j) {
    out[j] = vaddvq_f32(vaddq_f32(total[j][0], total[j][1]));
  }
}

template <FloatCode code, ScaleType scale>
void rows_of(const FloatCodeMatrix& w, const float* x, int64_t m, int64_t begin, int64_t end, float* y) {
  using Tile = void (*)(const FloatCodeMatrix&, int64_t, const float*, float*);
  static constexpr Tile kTiles[kTile] = {tile<code, scale, 1>, tile<code, scale, 2>, tile<code, scale, 3>,
                                         tile<code, scale, 4>};
  for (int64_t r = begin; r < end; ++r) {
    for (int64_t i = 0; i < m; i += kTile) {
      const int64_t count = m - i < kTile ? m - i : kTile;
      float out[kTile];
      kTiles[count - 1](w, r, x + i * w.columns, out);
      for (int64_t j = 0; j < count; ++j) {
        y[(i + j) * w.rows + r] = out[j];
      }
    }
  }
}

void rows(const FloatCodeMatrix& w, const float* x, int64_t m, int64_t begin, int64_t end, float* y) {
  if (w.code == FloatCode::E4M3) {
    return rows_of<FloatCode::E4M3, ScaleType::E8M0>(w, x, m, begin, end, y);
  }
  w.scale == ScaleType::E8M0 ? rows_of<FloatCode::E2M1, ScaleType::E8M0>(w, x, m, begin, end, y)
                             : rows_of<FloatCode::E2M1, ScaleType::E4M3>(w, x, m, begin, end, y);
}

}  // namespace

const FloatCodesTable& float_codes_neon() {
  static constexpr FloatCodesTable kTable{rows};
  return kTable;
}

}  // namespace burin::kernels
