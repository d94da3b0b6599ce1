// What one instruction set provides for packed.h, and where codes lie in a record.
#pragma once

#include <cstring>

#include "kernels/half.h"
#include "kernels/packed.h"

namespace burin::kernels {

/** The largest magnitude is NaN where some value is. */
struct PartFacts {
  float largest;
  float squares;  // their sum
};

struct PackedTable {
  /** One panel against one tile; the first `rows` of the panel's are written. */
  void (*tile)(const PackedMatrix& w, const std::byte* panel, const TileView& x, const PackedOutput& out, int64_t rows);
  /** Of 32 values. */
  PartFacts (*measure_part)(const float* x);
  /** 32 values times `inverse`, rounded to nearest even; the remainders times kSecondSteps go to `rest` unless it is
   * null. Returns the sum of codes + rest / kSecondSteps. */
  float (*round_part)(const float* x, float inverse, int8_t* codes, int8_t* rest);
};

const PackedTable& packed_scalar();
const PackedTable& packed_avx2();
const PackedTable& packed_avx512bw();
const PackedTable& packed_avx_vnni();
/** The same source as packed_avx_vnni, in the encoding of AVX-512. */
const PackedTable& packed_avx_vnni_evex();
const PackedTable& packed_avx512_vnni();
const PackedTable& packed_neon();
const PackedTable& packed_neon_i8mm();

/** The record of group `g` that has row `r` of a panel. */
inline const std::byte* record_of(const PackedMatrix& w, const std::byte* panel, int64_t g, int64_t r) {
  return panel + (2 * g + r / kLanes) * w.record_bytes();
}

/** Byte of a record's codes that holds column `k` of row `r`; at 4 bits `high` tells which half. */
struct CodePlace {
  int64_t byte;
  bool high;
};

inline CodePlace code_place(int bits, int group_size, int64_t k, int64_t r) {
  if (bits == 8) {
    return {k / 4 * 64 + r * 4 + k % 4, false};
  }
  const int64_t block = group_size == 32 ? 32 : 64;
  const int64_t in_block = k % block;
  const int64_t in_half = in_block % (block / 2);
  return {k / block * block * 8 + in_half / 4 * 64 + r * 4 + in_half % 4, in_block >= block / 2};
}

inline float packed_factor(const std::byte* from, ScaleType type, int64_t i) {
  if (type == ScaleType::F32) {
    float value;
    std::memcpy(&value, from + 4 * i, sizeof value);
    return value;
  }
  uint16_t bits;
  std::memcpy(&bits, from + 2 * i, sizeof bits);
  return type == ScaleType::F16 ? float16_to_float(bits) : bfloat16_to_float(bits);
}

inline int packed_code(const PackedMatrix& w, const std::byte* codes, int64_t k, int64_t r) {
  const CodePlace place = code_place(w.bits, w.group_size, k, r);
  const int byte = std::to_integer<int>(codes[place.byte]);
  return w.bits == 8 ? byte : (place.high ? byte >> 4 : byte & 15);
}

}  // namespace burin::kernels
