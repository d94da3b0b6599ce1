// AVX-512 without VNNI: products of unsigned codes below 16 and int8 add up in int16 for the eight steps of a part
// (16 * 15 * 127 = 30480); codes of 8 bits go as two halves.
#include "kernels/packed_lanes512.h"

namespace burin::kernels {
namespace {

struct Avx512Bw : Lanes512 {
  template <int bits>
  struct Sum;
};

inline __m512i widen_pairs(__m512i pairs) {
  return _mm512_madd_epi16(pairs, _mm512_set1_epi16(1));
}

template <>
struct Avx512Bw::Sum<4> {
  __m512i pairs = _mm512_setzero_si512();
  void add(__m512i w, __m512i four) { pairs = _mm512_add_epi16(pairs, _mm512_maddubs_epi16(w, four)); }
  __m512 floats() const { return _mm512_cvtepi32_ps(widen_pairs(pairs)); }
};

/** Eight pairs of codes up to 24 would not fit in int16. */
template <>
struct Avx512Bw::Sum<5> {
  Sum<4> pairs;
  __m512i folded = _mm512_setzero_si512();
  void add(__m512i w, __m512i four) { pairs.add(w, four); }
  void fold() {
    folded = widen_pairs(pairs.pairs);
    pairs = {};
  }
  __m512 floats() const { return _mm512_cvtepi32_ps(_mm512_add_epi32(folded, widen_pairs(pairs.pairs))); }
};

template <>
struct Avx512Bw::Sum<8> {
  Sum<4> low_part, high_part;
  void add(__m512i w, __m512i four) {
    low_part.add(low(w), four);
    high_part.add(high(w), four);
  }
  __m512 floats() const {
    const __m512i high_sum = _mm512_slli_epi32(widen_pairs(high_part.pairs), 4);
    return _mm512_cvtepi32_ps(_mm512_add_epi32(widen_pairs(low_part.pairs), high_sum));
  }
};

}  // namespace

const PackedTable& packed_avx512bw() {
  static constexpr PackedTable kTable{vector_tile<Avx512Bw>, measure_part, round_part};
  return kTable;
}

}  // namespace burin::kernels
