// Sixteen floats in four registers of 128 bits, for the files compiled for arm64. Everything has internal linkage.
#pragma once

#include <arm_neon.h>

#include <cstddef>
#include <cstdint>

#include "kernels/qmatmul.h"

namespace burin::kernels {
namespace {

struct Sixteen {
  float32x4_t at[4];
};

/** {of(0), .., of(3)}: no loop that could keep an array in memory. */
template <typename Four, typename Of>
inline Four each_of(Of of) {
  return {{of(0), of(1), of(2), of(3)}};
}

inline float32x4_t widen_half(uint16x4_t four, ScaleType type) {
  return type == ScaleType::F16 ? vcvt_f32_f16(vreinterpret_f16_u16(four))
                                : vreinterpretq_f32_u32(vshll_n_u16(four, 16));
}

/** Sixteen numbers stored as `type`. */
inline Sixteen load_factors(const void* from, ScaleType type) {
  if (type == ScaleType::F32) {
    const auto* const floats = static_cast<const float*>(from);
    return each_of<Sixteen>([floats](int i) { return vld1q_f32(floats + 4 * i); });
  }
  const auto* const halves = static_cast<const uint16_t*>(from);
  return each_of<Sixteen>([=](int i) { return widen_half(vld1_u16(halves + 4 * i), type); });
}

inline Sixteen to_floats(int8x16_t bytes) {
  const int16x8_t low = vmovl_s8(vget_low_s8(bytes));
  const int16x8_t high = vmovl_high_s8(bytes);
  return {{vcvtq_f32_s32(vmovl_s16(vget_low_s16(low))), vcvtq_f32_s32(vmovl_high_s16(low)),
           vcvtq_f32_s32(vmovl_s16(vget_low_s16(high))), vcvtq_f32_s32(vmovl_high_s16(high))}};
}

inline Sixteen operator*(const Sixteen& a, float b) {
  return each_of<Sixteen>([&](int i) { return vmulq_n_f32(a.at[i], b); });
}

inline Sixteen operator*(float a, const Sixteen& b) {
  return b * a;
}

inline Sixteen operator*(const Sixteen& a, const Sixteen& b) {
  return each_of<Sixteen>([&](int i) { return vmulq_f32(a.at[i], b.at[i]); });
}

inline Sixteen& operator+=(Sixteen& a, const Sixteen& b) {
  a = each_of<Sixteen>([&](int i) { return vaddq_f32(a.at[i], b.at[i]); });
  return a;
}

}  // namespace
}  // namespace burin::kernels
