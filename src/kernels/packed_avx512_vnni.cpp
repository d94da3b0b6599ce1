// AVX-512 with VNNI: four products a lane and instruction.
#include "kernels/packed_lanes512.h"

namespace burin::kernels {
namespace {

struct Avx512Vnni : Lanes512 {
  template <int bits>
  struct Sum {
    __m512i value = _mm512_setzero_si512();
    void add(Codes w, __m512i four) { value = _mm512_dpbusd_epi32(value, w, four); }
    void fold() {}
    void times_256() { value = _mm512_slli_epi32(value, 8); }
    Floats floats() const { return _mm512_cvtepi32_ps(value); }
  };
};

}  // namespace

const PackedTable& packed_avx512_vnni() {
  static constexpr PackedTable kTable{vector_tile<Avx512Vnni>, measure_row, round_part};
  return kTable;
}

}  // namespace burin::kernels
