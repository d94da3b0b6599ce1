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

PartFacts measure_part(const float* x) {
  uint32x4_t top = vdupq_n_u32(0);
  float32x4_t squares = vdupq_n_f32(0.0F);
#pragma GCC unroll 8
  for (int i = 0; i < 32; i += 4) {
    const float32x4_t values = vld1q_f32(x + i);
    top = vmaxq_u32(top, vreinterpretq_u32_f32(vabsq_f32(values)));
    squares = vfmaq_f32(squares, values, values);
  }
  return {std::bit_cast<float>(vmaxvq_u32(top)), vaddvq_f32(squares)};
}

inline int8x16_t to_bytes(const int32x4_t* v) {
  return vqmovn_high_s16(vqmovn_s16(vqmovn_high_s32(vqmovn_s32(v[0]), v[1])), vqmovn_high_s32(vqmovn_s32(v[2]), v[3]));
}

float round_part(const float* x, float inverse, int8_t* codes, int8_t* rest) {
  int sum = 0;
  int rest_sum = 0;
#pragma GCC unroll 2
  for (int half = 0; half < 32; half += 16) {
    int32x4_t rounded[4];
    int32x4_t left[4];
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      const float32x4_t scaled = vmulq_n_f32(vld1q_f32(x + half + 4 * i), inverse);
      rounded[i] = vcvtnq_s32_f32(scaled);
      left[i] = vcvtnq_s32_f32(vmulq_n_f32(vsubq_f32(scaled, vcvtq_f32_s32(rounded[i])), kSecondSteps));
    }
    const int8x16_t bytes = to_bytes(rounded);
    vst1q_s8(codes + half, bytes);
    sum += vaddlvq_s8(bytes);
    if (rest != nullptr) {
      const int8x16_t rest_bytes = to_bytes(left);
      vst1q_s8(rest + half, rest_bytes);
      rest_sum += vaddlvq_s8(rest_bytes);
    }
  }
  return static_cast<float>(sum) + 1.0F / kSecondSteps * static_cast<float>(rest_sum);
}

}  // namespace
}  // namespace burin::kernels
