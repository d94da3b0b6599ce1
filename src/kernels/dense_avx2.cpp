#include "kernels/avx2.h"
#include "kernels/dense_tile.h"

namespace burin::kernels {
namespace {

struct Avx2 {
  using Floats = __m256;
  static constexpr int kLanes = 8;
  static constexpr int kColumns = 2;

  static Floats zero() { return _mm256_setzero_ps(); }
  template <ScaleType type>
  static Floats load(const void* data, int64_t i) {
    return load_scales<type>(data, i);
  }
  template <ScaleType type>
  static Floats load_part(const void* data, int64_t i, int64_t count) {
    return load_scales_part<type>(data, i, count);
  }
  static void store(float* to, Floats v) { _mm256_storeu_ps(to, v); }
  static Floats multiply_add(Floats a, Floats b, Floats c) { return _mm256_fmadd_ps(a, b, c); }
  static float sum(Floats v) { return horizontal_sum(v); }
};

}  // namespace

const DenseTable& dense_avx2() {
  static constexpr DenseTable kTable{dense_rows<Avx2>};
  return kTable;
}

}  // namespace burin::kernels
