// Four products a lane and instruction in 256 bits. AVX-VNNI and AVX-512 (VNNI, VL) encode that instruction
// differently: each has a file that includes this one. Everything has internal linkage.
#pragma once

#include "kernels/packed_lanes256.h"

namespace burin::kernels {
namespace {

struct Vnni256 : Lanes256 {
  static constexpr int kColumns = 4;

  template <int bits>
  struct Sum {
    __m256i a = _mm256_setzero_si256();
    __m256i b = _mm256_setzero_si256();
    void add(const Codes& w, __m256i four) {
      a = _mm256_dpbusd_epi32(a, w.a, four);
      b = _mm256_dpbusd_epi32(b, w.b, four);
    }
    void fold() {}
    void times_256() {
      a = _mm256_slli_epi32(a, 8);
      b = _mm256_slli_epi32(b, 8);
    }
    Floats floats() const { return {_mm256_cvtepi32_ps(a), _mm256_cvtepi32_ps(b)}; }
  };
};

constexpr PackedTable kVnni256Table{vector_tile<Vnni256>, measure_row, round_part};

}  // namespace
}  // namespace burin::kernels
