// The one loop of the vector kernels over packed weights; `V` names the instruction set's sixteen lanes. Included where
// that set is switched on: everything has internal linkage.
#pragma once

#include <cstdint>

#include "kernels/packed_table.h"

namespace burin::kernels {
namespace {

constexpr int kStreamed = 4;      // rows of x below which memory is the limit
constexpr int64_t kAhead = 5760;  // bytes; measured, the hardware alone reaches 0.75 of what this does

/** Codes of every row for columns 4 j .. 4 j + 3 of part `part` of a group. */
template <typename V, int bits, int group>
inline typename V::Codes quad(const std::byte* codes, int part, int j) {
  if constexpr (bits == 8) {
    return V::load(codes + (part * 8 + j) * 64);
  } else if constexpr (group == 32) {
    const auto raw = V::load(codes + j % 4 * 64);
    return j < 4 ? V::low(raw) : V::high(raw);
  } else {
    const auto raw = V::load(codes + (part / 2 * 8 + j) * 64);
    return part % 2 == 0 ? V::low(raw) : V::high(raw);
  }
}

/** One part of a group against one term of x; sum of products as floats. */
template <typename V, int bits, int group, int columns>
inline void dot_part(const std::byte* codes, int part, const int8_t* x, typename V::Floats (&out)[columns]) {
  typename V::template Sum<bits> sum[columns];
#pragma GCC unroll 8
  for (int j = 0; j < 8; ++j) {
    const auto w = quad<V, bits, group>(codes, part, j);
#pragma GCC unroll 8
    for (int c = 0; c < columns; ++c) {
      sum[c].add(w, x + (j * columns + c) * 4);
    }
  }
#pragma GCC unroll 8
  for (int c = 0; c < columns; ++c) {
    out[c] = sum[c].floats();
  }
}

template <typename V, int bits, int group, int columns>
void tile_of(const PackedMatrix& w, const std::byte* panel, const TileView& x, float* y, int64_t ldy, int64_t rows,
             bool add) {
  using Floats = typename V::Floats;
  constexpr int kParts = group / 32;
  const int64_t record = w.record_bytes();
  const int64_t header = w.header_bytes();
  Floats total[columns];
#pragma GCC unroll 8
  for (int c = 0; c < columns; ++c) {
    total[c] = V::zero();
  }
  for (int64_t g = 0; g < w.groups(); ++g) {
    const std::byte* const at = panel + g * record;
    if constexpr (columns <= kStreamed) {
      for (int64_t byte = 0; byte < record; byte += 64) {
        V::prefetch(at + kAhead + byte);
      }
    }
    Floats partial[columns];
#pragma GCC unroll 4
    for (int part = 0; part < kParts; ++part) {
      const int64_t p = g * kParts + part;
      const float* const scales = x.scales + p * columns;
      Floats dot[columns];
      dot_part<V, bits, group, columns>(at + header, part, x.first + p * 32 * columns, dot);
#pragma GCC unroll 8
      for (int c = 0; c < columns; ++c) {
        partial[c] = part == 0 ? V::multiply(dot[c], scales[c]) : V::multiply_add(dot[c], scales[c], partial[c]);
      }
      if ((x.flags[p / 64] >> (p % 64) & 1) != 0) {
        dot_part<V, bits, group, columns>(at + header, part, x.second + p * 32 * columns, dot);
#pragma GCC unroll 8
        for (int c = 0; c < columns; ++c) {
          partial[c] = V::multiply_add(dot[c], scales[c] * (1.0F / kSecondSteps), partial[c]);
        }
      }
    }
    const Floats scale = V::factors(at, w.scale_type);
    const Floats bias = V::factors(at + header / 2, w.scale_type);
#pragma GCC unroll 8
    for (int c = 0; c < columns; ++c) {
      total[c] = V::multiply_add(bias, x.sums[g * columns + c], V::multiply_add(scale, partial[c], total[c]));
    }
  }
#pragma GCC unroll 8
  for (int c = 0; c < columns; ++c) {
    V::store(y + c * ldy, total[c], rows, add);
  }
}

template <typename V, int bits, int group>
void tile_of_rows(const PackedMatrix& w, const std::byte* panel, const TileView& x, float* y, int64_t ldy, int64_t rows,
                  bool add) {
  using Tile = void (*)(const PackedMatrix&, const std::byte*, const TileView&, float*, int64_t, int64_t, bool);
  static constexpr Tile kTiles[kTileRows] = {
      tile_of<V, bits, group, 1>, tile_of<V, bits, group, 2>, tile_of<V, bits, group, 3>, tile_of<V, bits, group, 4>,
      tile_of<V, bits, group, 5>, tile_of<V, bits, group, 6>, tile_of<V, bits, group, 7>, tile_of<V, bits, group, 8>};
  kTiles[x.rows - 1](w, panel, x, y, ldy, rows, add);
}

template <typename V, int bits>
void tile_of_bits(const PackedMatrix& w, const std::byte* panel, const TileView& x, float* y, int64_t ldy, int64_t rows,
                  bool add) {
  switch (w.group_size) {
    case 32:
      return tile_of_rows<V, bits, 32>(w, panel, x, y, ldy, rows, add);
    case 64:
      return tile_of_rows<V, bits, 64>(w, panel, x, y, ldy, rows, add);
    default:
      return tile_of_rows<V, bits, 128>(w, panel, x, y, ldy, rows, add);
  }
}

template <typename V>
void vector_tile(const PackedMatrix& w, const std::byte* panel, const TileView& x, float* y, int64_t ldy, int64_t rows,
                 bool add) {
  (w.bits == 4 ? tile_of_bits<V, 4> : tile_of_bits<V, 8>)(w, panel, x, y, ldy, rows, add);
}

}  // namespace
}  // namespace burin::kernels
