// Dot products of unsigned codes with signed activations.
#include "kernels/packed_lanes_neon.h"

namespace burin::kernels {
namespace {

struct NeonI8mm : LanesNeon {
  template <int bits>
  struct Sum : SignedSum {
    void add(const Codes& w, int8x16_t four) {
#pragma GCC unroll 4
      for (int i = 0; i < 4; ++i) {
        at[i] = vusdotq_s32(at[i], w.at[i], four);
      }
    }
  };
};

}  // namespace

const PackedTable& packed_neon_i8mm() {
  static constexpr PackedTable kTable{vector_tile<NeonI8mm>, measure_row, round_part};
  return kTable;
}

}  // namespace burin::kernels
