#include <immintrin.h>

#include "kernels/dense_tile.h"

namespace burin::kernels {
namespace {

struct Avx512 {
  using Floats = __m512;
  static constexpr int kLanes = 16;
  static constexpr int kColumns = 4;

  static Floats zero() { return _mm512_setzero_ps(); }
  template <ScaleType type>
  static Floats load(const void* data, int64_t i) {
    return load_part<type>(data, i, kLanes);
  }
  template <ScaleType type>
  static Floats load_part(const void* data, int64_t i, int64_t count) {
    const auto mask = static_cast<__mmask16>((1U << count) - 1);
    if constexpr (type == ScaleType::F32) {
      return _mm512_maskz_loadu_ps(mask, static_cast<const float*>(data) + i);
    } else {
      const __m256i half = _mm256_maskz_loadu_epi16(mask, static_cast<const uint16_t*>(data) + i);
      return type == ScaleType::F16 ? _mm512_cvtph_ps(half)
                                    : _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16));
    }
  }
  static void store(float* to, Floats v) { _mm512_storeu_ps(to, v); }
  static Floats multiply_add(Floats a, Floats b, Floats c) { return _mm512_fmadd_ps(a, b, c); }
  static float sum(Floats v) { return _mm512_reduce_add_ps(v); }
};

}  // namespace

const DenseTable& dense_avx512() {
  static constexpr DenseTable kTable{dense_rows<Avx512>};
  return kTable;
}

}  // namespace burin::kernels
