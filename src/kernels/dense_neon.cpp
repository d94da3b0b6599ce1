#include "kernels/dense_tile.h"
#include "kernels/neon.h"

namespace burin::kernels {
namespace {

struct Neon {
  using Floats = float32x4_t;
  static constexpr int kLanes = 4;
  static constexpr int kColumns = 4;

  static Floats zero() { return vdupq_n_f32(0.0F); }
  template <ScaleType type>
  static Floats load(const void* data, int64_t i) {
    if constexpr (type == ScaleType::F32) {
      return vld1q_f32(static_cast<const float*>(data) + i);
    } else {
      return widen_half(vld1_u16(static_cast<const uint16_t*>(data) + i), type);
    }
  }
  template <ScaleType type>
  static Floats load_part(const void* data, int64_t i, int64_t count) {
    constexpr int64_t kSize = type == ScaleType::F32 ? 4 : 2;
    alignas(16) std::byte four[16] = {};
    __builtin_memcpy(four, static_cast<const std::byte*>(data) + i * kSize, static_cast<size_t>(count * kSize));
    return load<type>(four, 0);
  }
  static void store(float* to, Floats v) { vst1q_f32(to, v); }
  static Floats multiply_add(Floats a, Floats b, Floats c) { return vfmaq_f32(c, a, b); }
  static float sum(Floats v) { return vaddvq_f32(v); }
};

}  // namespace

const DenseTable& dense_neon() {
  static constexpr DenseTable kTable{dense_rows<Neon>};
  return kTable;
}

}  // namespace burin::kernels
