// Sixteen rows in four registers of 128 bits, and the rounding of activations, for packed_tile.h. Included where the
// dot products of Armv8.2 are switched on: everything has internal linkage.
#pragma once

#include <bit>

#include "kernels/neon.h"
#include "kernels/packed_tile.h"

namespace burin::kernels {
namespace {

struct LanesNeon {
  struct Codes {
    uint8x16_t at[4];
  };
  using Floats = Sixteen;
  static constexpr int kRecords = 1;
  static constexpr int kColumns = 4;

  /** Codes below 128, as signed numbers. */
  struct SignedSum {
    int32x4_t at[4] = {vdupq_n_s32(0), vdupq_n_s32(0), vdupq_n_s32(0), vdupq_n_s32(0)};
    void add(const Codes& w, int8x16_t four) {
#pragma GCC unroll 4
      for (int i = 0; i < 4; ++i) {
        at[i] = vdotq_s32(at[i], vreinterpretq_s8_u8(w.at[i]), four);
      }
    }
    void fold() {}
    void times_256() {
#pragma GCC unroll 4
      for (int i = 0; i < 4; ++i) {
        at[i] = vshlq_n_s32(at[i], 8);
      }
    }
    Floats floats() const {
      return each_of<Floats>([this](int i) { return vcvtq_f32_s32(at[i]); });
    }
  };

  static int8x16_t spread(const int8_t* x) {
    int32_t four;
    __builtin_memcpy(&four, x, sizeof four);
    return vreinterpretq_s8_s32(vdupq_n_s32(four));
  }
  static Codes load(const std::byte* from) {
    const auto* const bytes = reinterpret_cast<const uint8_t*>(from);
    return each_of<Codes>([bytes](int i) { return vld1q_u8(bytes + 16 * i); });
  }
  static Codes low(Codes raw) {
    return each_of<Codes>([&](int i) { return vandq_u8(raw.at[i], vdupq_n_u8(15)); });
  }
  static Codes high(Codes raw) {
    return each_of<Codes>([&](int i) { return vshrq_n_u8(raw.at[i], 4); });
  }
  static Codes half(Codes raw, int shift) {
    const int8x16_t by = vdupq_n_s8(static_cast<int8_t>(-shift));
    return each_of<Codes>([&](int i) { return vandq_u8(vshlq_u8(raw.at[i], by), vdupq_n_u8(15)); });
  }
  static Codes levels(Codes half) {
    return each_of<Codes>([&](int i) { return vqtbl1q_u8(vld1q_u8(kLevels), half.at[i]); });
  }
  static void prefetch(const std::byte* at) { __builtin_prefetch(at); }

  static Floats zero() {
    return each_of<Floats>([](int) { return vdupq_n_f32(0.0F); });
  }
  static Floats factors(const std::byte* from, ScaleType type) { return load_factors(from, type); }
  /** 2^-127 counts as nothing, as on x86. */
  static float32x4_t four_byte_factors(const std::byte* from, ScaleType type) {
    uint32_t four;
    __builtin_memcpy(&four, from, sizeof four);
    const uint16x4_t bytes = vget_low_u16(vmovl_u8(vcreate_u8(four)));
    if (type == ScaleType::E8M0) {
      return vreinterpretq_f32_u32(vshlq_n_u32(vmovl_u16(bytes), 23));
    }
    const uint16x4_t sign = vshl_n_u16(vand_u16(bytes, vdup_n_u16(0x80)), 8);
    const uint16x4_t half = vorr_u16(vshl_n_u16(vand_u16(bytes, vdup_n_u16(0x7f)), 7), sign);
    return vmulq_n_f32(vcvt_f32_f16(vreinterpret_f16_u16(half)), 256.0F);
  }
  static Floats byte_factors(const std::byte* from, ScaleType type) {
    return each_of<Floats>([=](int i) { return four_byte_factors(from + 4 * i, type); });
  }
  static Floats multiply(Floats v, float by) { return v * by; }
  static Floats multiply_add(Floats v, float by, Floats plus) {
    return each_of<Floats>([&](int i) { return vfmaq_n_f32(plus.at[i], v.at[i], by); });
  }
  static Floats multiply_add(Floats v, Floats by, Floats plus) {
    return each_of<Floats>([&](int i) { return vfmaq_f32(plus.at[i], v.at[i], by.at[i]); });
  }
  static void store(float* to, Floats v, int64_t rows, bool add) {
    float sixteen[kLanes] = {};
    const int64_t count = rows < kLanes ? rows : kLanes;
    if (add) {
      __builtin_memcpy(sixteen, to, static_cast<size_t>(count) * sizeof(float));
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      const float32x4_t value = add ? vaddq_f32(v.at[i], vld1q_f32(sixteen + 4 * i)) : v.at[i];
      vst1q_f32(sixteen + 4 * i, value);
    }
    __builtin_memcpy(to, sixteen, static_cast<size_t>(count) * sizeof(float));
  }
};

RowFacts measure_row(const float* x, int64_t columns) {
  uint32x4_t top = vdupq_n_u32(0);
  float32x4_t sum[8];
#pragma GCC unroll 8
  for (auto& each : sum) {
    each = vdupq_n_f32(0.0F);
  }
  for (int64_t i = 0; i < columns; i += 32) {
#pragma GCC unroll 8
    for (int h = 0; h < 8; ++h) {
      const float32x4_t values = vabsq_f32(vld1q_f32(x + i + 4 * h));
      top = vmaxq_u32(top, vreinterpretq_u32_f32(values));
      sum[h] = vaddq_f32(sum[h], values);
    }
  }
  float lanes[4];
  vst1q_f32(lanes, add_halves(sum, 8));
  return {std::bit_cast<float>(vmaxvq_u32(top)), add_halves(lanes, 4)};
}

/** Those of v, which are in range. */
inline int8x16_t to_bytes(const int32x4_t* v) {
  return vmovn_high_s16(vmovn_s16(vmovn_high_s32(vmovn_s32(v[0]), v[1])), vmovn_high_s32(vmovn_s32(v[2]), v[3]));
}

RoundedPart round_part(const float* x, float inverse, int8_t* low, int8_t* high) {
  int32x4_t sum = vdupq_n_s32(0);
  uint32_t wide = 0;
#pragma GCC unroll 2
  for (int half = 0; half < 32; half += 16) {
    int32x4_t lows[4];
    int32x4_t highs[4];
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      lows[i] = vcvtnq_s32_f32(vmulq_n_f32(vld1q_f32(x + half + 4 * i), inverse));
      sum = vaddq_s32(sum, lows[i]);
      highs[i] = vshrq_n_s32(vaddq_s32(lows[i], vdupq_n_s32(128)), 8);
      wide |= static_cast<uint32_t>(vmaxvq_u32(vreinterpretq_u32_s32(highs[i])) != 0) << (half / 4 + i);
    }
    vst1q_s8(low + half, to_bytes(lows));
    vst1q_s8(high + half, to_bytes(highs));
  }
  return {vaddvq_s32(sum), wide};
}

}  // namespace
}  // namespace burin::kernels
