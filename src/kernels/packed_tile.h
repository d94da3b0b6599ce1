// The one loop of the vector kernels over packed weights. `V` names the instruction set's sixteen lanes, how many
// records it takes at once (a spread activation then serves two) and how many columns. Included where that set is
// switched on: everything has internal linkage.
#pragma once

#include <cstdint>

#include "kernels/packed_table.h"

namespace burin::kernels {
namespace {

constexpr int kStreamed = 4;      // rows of x below which memory is the limit
constexpr int64_t kAhead = 5760;  // bytes; measured on Zen 4: 27 GB/s, 24 without, 24 from 13 KB on

/** Codes are read again rather than kept: the compiler would spill them, and a load is cheaper. */
inline void forget_loads() {
  asm volatile("" ::: "memory");
}

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

/** The columns [first, first + columns) of a tile of `rows` rows. */
template <int rows>
struct Columns {
  const int8_t* codes;
  const int8_t* rest;
  const float* scales;
  const float* sums;

  Columns(const TileView& x, int first)
      : codes(x.first + 4 * first), rest(x.second + 4 * first), scales(x.scales + first), sums(x.sums + first) {}
};

/** Sums of products of one part of a group, for `records` records and `columns` columns, as floats. */
template <typename V, int bits, int group, int records, int columns, int rows>
inline void dot_part(const std::byte* codes, int64_t record, int part, const int8_t* x,
                     typename V::Floats (&out)[records][columns]) {
  typename V::template Sum<bits> sum[records][columns];
#pragma GCC unroll 8
  for (int j = 0; j < 8; ++j) {
    typename V::Codes w[records];
#pragma GCC unroll 2
    for (int h = 0; h < records; ++h) {
      w[h] = quad<V, bits, group>(codes + h * record, part, j);
    }
#pragma GCC unroll 4
    for (int c = 0; c < columns; ++c) {
      const auto four = V::spread(x + (j * rows + c) * 4);
#pragma GCC unroll 2
      for (int h = 0; h < records; ++h) {
        sum[h][c].add(w[h], four);
      }
    }
  }
#pragma GCC unroll 2
  for (int h = 0; h < records; ++h) {
#pragma GCC unroll 4
    for (int c = 0; c < columns; ++c) {
      out[h][c] = sum[h][c].floats();
    }
  }
}

/** partial (+)= dot * scales * `unit`, for all records and columns. */
template <typename V, int records, int columns>
inline void add_scaled(const typename V::Floats (&dot)[records][columns], const float* scales, float unit, bool fresh,
                       typename V::Floats (&partial)[records][columns]) {
#pragma GCC unroll 4
  for (int c = 0; c < columns; ++c) {
    const float scale = scales[c] * unit;
#pragma GCC unroll 2
    for (int h = 0; h < records; ++h) {
      partial[h][c] = fresh ? V::multiply(dot[h][c], scale) : V::multiply_add(dot[h][c], scale, partial[h][c]);
    }
  }
}

/** total += one group of `records` records from `at` on times some columns of a tile. */
template <typename V, int bits, int group, int records, int columns, int rows>
inline void add_group(const PackedMatrix& w, const std::byte* at, int64_t g, const Columns<rows>& x,
                      const uint64_t* flags, typename V::Floats* total) {
  using Floats = typename V::Floats;
  constexpr int kParts = group / 32;
  const int64_t record = w.record_bytes();
  const int64_t header = w.header_bytes();
  Floats partial[records][columns];
#pragma GCC unroll 4
  for (int part = 0; part < kParts; ++part) {
    const int64_t p = g * kParts + part;
    Floats dot[records][columns];
    forget_loads();
    dot_part<V, bits, group, records, columns, rows>(at + header, record, part, x.codes + p * 32 * rows, dot);
    add_scaled<V, records, columns>(dot, x.scales + p * rows, 1.0F, part == 0, partial);
    if ((flags[p / 64] >> (p % 64) & 1) != 0) {
      forget_loads();
      dot_part<V, bits, group, records, columns, rows>(at + header, record, part, x.rest + p * 32 * rows, dot);
      add_scaled<V, records, columns>(dot, x.scales + p * rows, 1.0F / kSecondSteps, false, partial);
    }
  }
#pragma GCC unroll 2
  for (int h = 0; h < records; ++h) {
    const Floats scale = V::factors(at + h * record, w.scale_type);
    const Floats bias = V::factors(at + h * record + header / 2, w.scale_type);
#pragma GCC unroll 4
    for (int c = 0; c < columns; ++c) {
      Floats& sum = total[h * columns + c];
      sum = V::multiply_add(bias, x.sums[g * rows + c], V::multiply_add(scale, partial[h][c], sum));
    }
  }
}

/** V::kRecords records of every group from `panel` on, against some columns of a tile: side by side where arithmetic is
 * the limit, one after another where memory is. */
template <typename V, int bits, int group, int columns, int rows>
void tile_of(const PackedMatrix& w, const std::byte* panel, const Columns<rows>& x, const uint64_t* flags,
             const PackedOutput& out, int64_t height) {
  constexpr int kTogether = rows <= kStreamed ? 1 : V::kRecords;
  const int64_t record = w.record_bytes();
  typename V::Floats total[V::kRecords * columns];
#pragma GCC unroll 8
  for (int i = 0; i < V::kRecords * columns; ++i) {
    total[i] = V::zero();
  }
  for (int64_t g = 0; g < w.groups(); ++g) {
#pragma GCC unroll 2
    for (int h = 0; h < V::kRecords; h += kTogether) {
      const std::byte* const at = panel + (2 * g + h) * record;
      if constexpr (rows <= kStreamed) {
        for (int64_t byte = 0; byte < record; byte += 64) {
          V::prefetch(at + kAhead + byte);
        }
      }
      add_group<V, bits, group, kTogether, columns, rows>(w, at, g, x, flags, total + h * columns);
    }
  }
#pragma GCC unroll 2
  for (int h = 0; h < V::kRecords; ++h) {
#pragma GCC unroll 4
    for (int c = 0; c < columns; ++c) {
      V::store(out.y + c * out.ldy + h * kLanes, total[h * columns + c], height - h * kLanes, out.add);
    }
  }
}

/** All columns of a tile of `rows` rows, as many at a time as registers hold. */
template <typename V, int bits, int group, int rows>
void tile_columns(const PackedMatrix& w, const std::byte* panel, const TileView& x, const PackedOutput& out,
                  int64_t height) {
  constexpr int kStep = rows < V::kColumns ? rows : V::kColumns;
  constexpr int kLeft = rows % kStep;
  for (int half = 0; half < 2 && half * kLanes < height; half += V::kRecords) {
    const std::byte* const from = panel + half * w.record_bytes();
    const auto to = [&](int c) { return PackedOutput{out.y + c * out.ldy + half * kLanes, out.ldy, out.add}; };
    for (int c = 0; c + kStep <= rows; c += kStep) {
      tile_of<V, bits, group, kStep>(w, from, Columns<rows>(x, c), x.flags, to(c), height - half * kLanes);
    }
    if constexpr (kLeft > 0) {
      constexpr int kFirst = rows - kLeft;
      tile_of<V, bits, group, kLeft>(w, from, Columns<rows>(x, kFirst), x.flags, to(kFirst), height - half * kLanes);
    }
  }
}

template <typename V, int bits, int group>
void tile_of_rows(const PackedMatrix& w, const std::byte* panel, const TileView& x, const PackedOutput& out,
                  int64_t height) {
  using Tile = void (*)(const PackedMatrix&, const std::byte*, const TileView&, const PackedOutput&, int64_t);
  static constexpr Tile kTiles[kTileRows] = {tile_columns<V, bits, group, 1>, tile_columns<V, bits, group, 2>,
                                             tile_columns<V, bits, group, 3>, tile_columns<V, bits, group, 4>,
                                             tile_columns<V, bits, group, 5>, tile_columns<V, bits, group, 6>,
                                             tile_columns<V, bits, group, 7>, tile_columns<V, bits, group, 8>};
  kTiles[x.rows - 1](w, panel, x, out, height);
}

template <typename V, int bits>
void tile_of_bits(const PackedMatrix& w, const std::byte* panel, const TileView& x, const PackedOutput& out,
                  int64_t height) {
  switch (w.group_size) {
    case 32:
      return tile_of_rows<V, bits, 32>(w, panel, x, out, height);
    case 64:
      return tile_of_rows<V, bits, 64>(w, panel, x, out, height);
    default:
      return tile_of_rows<V, bits, 128>(w, panel, x, out, height);
  }
}

template <typename V>
void vector_tile(const PackedMatrix& w, const std::byte* panel, const TileView& x, const PackedOutput& out,
                 int64_t height) {
  (w.bits == 4 ? tile_of_bits<V, 4> : tile_of_bits<V, 8>)(w, panel, x, out, height);
}

}  // namespace
}  // namespace burin::kernels
