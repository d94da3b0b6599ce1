// Dot products of signed bytes: what a code of 8 bits is above 128 goes there, and 128 times the activations' sum is
// added back in integers.
#include "kernels/packed_lanes_neon.h"

namespace burin::kernels {
namespace {

struct Neon : LanesNeon {
  template <int bits>
  struct Sum;
};

template <>
struct Neon::Sum<4> : LanesNeon::SignedSum {};

template <>
struct Neon::Sum<5> : LanesNeon::SignedSum {};

template <>
struct Neon::Sum<8> {
  SignedSum centred;
  int32x4_t activations = vdupq_n_s32(0);  // their sum, in every lane
  void add(const Codes& w, int8x16_t four) {
    centred.add(each_of<Codes>([&](int i) { return veorq_u8(w.at[i], vdupq_n_u8(128)); }), four);
    activations = vdotq_s32(activations, vdupq_n_s8(1), four);
  }
  void fold() {}
  void times_256() {
    centred.times_256();
    activations = vshlq_n_s32(activations, 8);
  }
  Floats floats() const {
    return each_of<Floats>(
        [this](int i) { return vcvtq_f32_s32(vaddq_s32(centred.at[i], vshlq_n_s32(activations, 7))); });
  }
};

}  // namespace

const PackedTable& packed_neon() {
  static constexpr PackedTable kTable{vector_tile<Neon>, measure_row, round_part};
  return kTable;
}

}  // namespace burin::kernels
