// AVX2: products of unsigned codes below 16 and int8 add up in int16 for the eight steps of a part
// (16 * 15 * 127 = 30480); codes of 8 bits go as two halves.
#include "kernels/packed_lanes256.h"

namespace burin::kernels {
namespace {

struct Avx2 : Lanes256 {
  static constexpr int kColumns = 2;

  template <int bits>
  struct Sum;
};

template <>
struct Avx2::Sum<4> {
  __m256i a = _mm256_setzero_si256();
  __m256i b = _mm256_setzero_si256();
  void add(const Codes& w, __m256i four) {
    a = _mm256_add_epi16(a, _mm256_maddubs_epi16(w.a, four));
    b = _mm256_add_epi16(b, _mm256_maddubs_epi16(w.b, four));
  }
  Floats floats() const { return {_mm256_cvtepi32_ps(widen_pairs(a)), _mm256_cvtepi32_ps(widen_pairs(b))}; }
};

/** Eight pairs of codes up to 24 would not fit in int16. */
template <>
struct Avx2::Sum<5> {
  Sum<4> pairs;
  __m256i a = _mm256_setzero_si256();
  __m256i b = _mm256_setzero_si256();
  void add(const Codes& w, __m256i four) { pairs.add(w, four); }
  void fold() {
    a = widen_pairs(pairs.a);
    b = widen_pairs(pairs.b);
    pairs = {};
  }
  Floats floats() const {
    return {_mm256_cvtepi32_ps(_mm256_add_epi32(a, widen_pairs(pairs.a))),
            _mm256_cvtepi32_ps(_mm256_add_epi32(b, widen_pairs(pairs.b)))};
  }
};

template <>
struct Avx2::Sum<8> {
  Sum<4> low_part, high_part;
  void add(const Codes& w, __m256i four) {
    low_part.add(low(w), four);
    high_part.add(high(w), four);
  }
  static __m256 joined(__m256i low_pairs, __m256i high_pairs) {
    return _mm256_cvtepi32_ps(_mm256_add_epi32(widen_pairs(low_pairs), _mm256_slli_epi32(widen_pairs(high_pairs), 4)));
  }
  Floats floats() const { return {joined(low_part.a, high_part.a), joined(low_part.b, high_part.b)}; }
};

}  // namespace

const PackedTable& packed_avx2() {
  static constexpr PackedTable kTable{vector_tile<Avx2>, measure_part, round_part};
  return kTable;
}

}  // namespace burin::kernels
