// What one instruction set provides for packed.h, and where codes lie in a record.
#pragma once

#include <cstring>

#include "kernels/float_codes.h"
#include "kernels/half.h"
#include "kernels/packed.h"

namespace burin::kernels {

/** Magnitudes of a row. The largest is NaN where some value is. */
struct RowFacts {
  float largest;
  float sum;
};

/** What rounding made of a part. */
struct RoundedPart {
  int32_t sum;    // of its values
  uint32_t wide;  // bit i: a high byte of quad i is not zero
};

/** Sums in one order for all instruction sets: value i goes to lane i % kPart, halves of the lanes then add up. */
template <typename T>
T add_halves(T* lanes, int count) {
  for (int half = count / 2; half > 0; half /= 2) {
    for (int i = 0; i < half; ++i) {
      lanes[i] += lanes[i + half];
    }
  }
  return lanes[0];
}

struct PackedTable {
  /** One panel against one tile; the first `rows` of the panel's are written. */
  void (*tile)(const PackedMatrix& w, const std::byte* panel, const TileView& x, const PackedOutput& out, int64_t rows);
  /** Of a multiple of kPart values. */
  RowFacts (*measure_row)(const float* x, int64_t columns);
  /** 32 values times `inverse`, rounded to nearest even, as `low` + 256 `high`. */
  RoundedPart (*round_part)(const float* x, float inverse, int8_t* low, int8_t* high);
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

/** The record that has group `g` of row `r` of a panel. */
inline const std::byte* record_of(const PackedMatrix& w, const std::byte* panel, int64_t g, int64_t r) {
  return panel + w.head_bytes() + (2 * (g * w.group_size / w.span()) + r / kLanes) * w.record_bytes();
}

// The values of E2M1 codes, 0, 0.5, 1, 1.5, 2, 3, 4, 6 and their negatives, in half units and from zero up.
inline constexpr uint8_t kLevels[16] = {12, 13, 14, 15, 16, 18, 20, 24, 12, 11, 10, 9, 8, 6, 4, 0};
constexpr float kHalfUnit = 0.5F;
constexpr int kZeroLevel = 12;

/** Byte of a record's codes that holds its column `k` of row `r`; at 4 bits `high` tells which half. */
struct CodePlace {
  int64_t byte;
  bool high;
};

inline CodePlace code_place(int bits, int64_t span, int64_t k, int64_t r) {
  if (bits == 8) {
    return {k / 4 * 64 + r * 4 + k % 4, false};
  }
  const int64_t block = span == 32 ? 32 : 64;
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

/** How one row's codes of a group become values: scale * code + bias. */
struct PackedFactors {
  float scale;
  float bias;
};

inline PackedFactors factors_of(const PackedMatrix& w, const std::byte* panel, int64_t g, int64_t r) {
  if (w.affine()) {
    const std::byte* const record = record_of(w, panel, g, r);
    return {packed_factor(record, w.scale_type, r % kLanes),
            packed_factor(record + w.header_bytes() / 2, w.scale_type, r % kLanes)};
  }
  const float scale = float_scale_value(w.scale_type, std::to_integer<uint8_t>(panel[g * kPanelHeight + r]));
  return {kHalfUnit * scale, -kZeroLevel * kHalfUnit * scale};
}

/** Column `k` of a record, affine or as a level. */
inline int packed_code(const PackedMatrix& w, const std::byte* codes, int64_t k, int64_t r) {
  const CodePlace place = code_place(w.bits, w.span(), k, r);
  const int byte = std::to_integer<int>(codes[place.byte]);
  const int code = w.bits == 8 ? byte : (place.high ? byte >> 4 : byte & 15);
  return w.affine() ? code : kLevels[code];
}

}  // namespace burin::kernels
