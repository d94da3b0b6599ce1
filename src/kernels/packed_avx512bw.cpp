// AVX-512 without VNNI: products of unsigned codes below 16 and int8 add up in int16 for eight steps
// (16 * 15 * 128 = 30720), for four those of codes up to 24; codes of 8 bits go as two halves.
#include "kernels/packed_lanes512.h"

namespace burin::kernels {
namespace {

struct Avx512Bw : Lanes512 {
  static constexpr int kColumns = 2;  // sums, and pairs beside them: more would not fit into registers

  template <int bits>
  struct Sum;
};

inline __m512i widen_pairs(__m512i pairs) {
  return _mm512_madd_epi16(pairs, _mm512_set1_epi16(1));
}

template <int bits>
struct Avx512Bw::Sum {
  __m512i value = _mm512_setzero_si512();
  __m512i pairs = _mm512_setzero_si512();
  void add(__m512i w, __m512i four) { pairs = _mm512_add_epi16(pairs, _mm512_maddubs_epi16(w, four)); }
  void fold() {
    value = _mm512_add_epi32(value, widen_pairs(pairs));
    pairs = _mm512_setzero_si512();
  }
  void times_256() { value = _mm512_slli_epi32(value, 8); }
  __m512 floats() const { return _mm512_cvtepi32_ps(value); }
};

template <>
struct Avx512Bw::Sum<8> {
  Sum<4> low_part, high_part;
  void add(__m512i w, __m512i four) {
    low_part.add(low(w), four);
    high_part.add(high(w), four);
  }
  void fold() {
    low_part.fold();
    high_part.fold();
  }
  void times_256() {
    low_part.times_256();
    high_part.times_256();
  }
  __m512 floats() const {
    return _mm512_cvtepi32_ps(_mm512_add_epi32(low_part.value, _mm512_slli_epi32(high_part.value, 4)));
  }
};

}  // namespace

const PackedTable& packed_avx512bw() {
  static constexpr PackedTable kTable{vector_tile<Avx512Bw>, measure_row, round_part};
  return kTable;
}

}  // namespace burin::kernels
