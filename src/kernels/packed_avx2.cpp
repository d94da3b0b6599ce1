// AVX2: products of unsigned codes below 16 and int8 add up in int16 for eight steps (16 * 15 * 128 = 30720), for four
// those of codes up to 24; codes of 8 bits go as two halves.
#include "kernels/packed_lanes256.h"

namespace burin::kernels {
namespace {

struct Avx2 : Lanes256 {
  static constexpr int kColumns = 2;

  template <int bits>
  struct Sum;
};

/** Codes below 16, and up to 24 where `fold` comes after four. */
struct PairSum {
  __m256i a = _mm256_setzero_si256();
  __m256i b = _mm256_setzero_si256();
  void add(const Lanes256::Codes& w, __m256i four) {
    a = _mm256_add_epi16(a, _mm256_maddubs_epi16(w.a, four));
    b = _mm256_add_epi16(b, _mm256_maddubs_epi16(w.b, four));
  }
};

/** Eight times four products. */
struct WideSum {
  __m256i a = _mm256_setzero_si256();
  __m256i b = _mm256_setzero_si256();
  void take(PairSum& pairs, int shift) {
    a = _mm256_add_epi32(a, _mm256_slli_epi32(widen_pairs(pairs.a), shift));
    b = _mm256_add_epi32(b, _mm256_slli_epi32(widen_pairs(pairs.b), shift));
    pairs = {};
  }
  void times_256() {
    a = _mm256_slli_epi32(a, 8);
    b = _mm256_slli_epi32(b, 8);
  }
  Lanes256::Floats floats() const { return {_mm256_cvtepi32_ps(a), _mm256_cvtepi32_ps(b)}; }
};

template <int bits>
struct Avx2::Sum : WideSum {
  PairSum pairs;
  void add(const Codes& w, __m256i four) { pairs.add(w, four); }
  void fold() { take(pairs, 0); }
};

template <>
struct Avx2::Sum<8> : WideSum {
  PairSum low_part, high_part;
  void add(const Codes& w, __m256i four) {
    low_part.add(low(w), four);
    high_part.add(high(w), four);
  }
  void fold() {
    take(low_part, 0);
    take(high_part, 4);
  }
};

}  // namespace

const PackedTable& packed_avx2() {
  static constexpr PackedTable kTable{vector_tile<Avx2>, measure_row, round_part};
  return kTable;
}

}  // namespace burin::kernels
