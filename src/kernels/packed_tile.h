// The one loop of the vector kernels over packed weights. `V` names the instruction set's sixteen lanes, how many
// records it takes at once (a spread activation then serves two) and how many columns. Included where that set is
// switched on: everything has internal linkage.
#pragma once

#include <cstdint>
#include <type_traits>

#include "kernels/packed_table.h"

namespace burin::kernels {
namespace {

constexpr int kStreamed = 4;       // rows of x below which memory is the limit
constexpr float kFewTerms = 1.3F;  // second terms a part of four columns below which each goes by itself
constexpr int64_t kAhead = 5760;   // bytes; measured on Zen 4: 27 GB/s, 24 without, 24 from 13 KB on

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

/** A tile of `rows` rows from row `first` on. */
template <int rows>
struct Columns {
  const int8_t* codes;
  const int8_t* rest;
  const float* scales;
  const float* sums;
  const uint8_t* flags;
  const int32_t* listed;
  const int32_t* counts;
  int first;

  Columns(const TileView& x, int from, int64_t parts)
      : codes(x.first + 4 * from),
        rest(x.second + 4 * from),
        scales(x.scales + from),
        sums(x.sums + from),
        flags(x.flags),
        listed(x.listed + from * parts),
        counts(x.counts + from),
        first(from) {}
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

/** partial (+)= dot * scales, for all records and columns. */
template <typename V, int records, int columns>
inline void add_scaled(const typename V::Floats (&dot)[records][columns], const float* scales, bool fresh,
                       typename V::Floats (&partial)[records][columns]) {
#pragma GCC unroll 4
  for (int c = 0; c < columns; ++c) {
    const float scale = scales[c];
#pragma GCC unroll 2
    for (int h = 0; h < records; ++h) {
      partial[h][c] = fresh ? V::multiply(dot[h][c], scale) : V::multiply_add(dot[h][c], scale, partial[h][c]);
    }
  }
}

/** total += one group of `records` records from `at` on times the first terms of some columns of a tile. */
template <typename V, int bits, int group, int records, int columns, int rows>
inline void add_group(const PackedMatrix& w, const std::byte* at, int64_t g, const Columns<rows>& x,
                      typename V::Floats* total) {
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
    add_scaled<V, records, columns>(dot, x.scales + p * rows, part == 0, partial);
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

/** total += second terms of part `part` of a group, of some columns. */
template <typename V, int bits, int group, int records, int columns, int rows>
inline void add_second(const PackedMatrix& w, const std::byte* at, int part, const int8_t* x, const float* scales,
                       typename V::Floats* total) {
  const int64_t record = w.record_bytes();
  typename V::Floats dot[records][columns];
  forget_loads();
  dot_part<V, bits, group, records, columns, rows>(at + w.header_bytes(), record, part, x, dot);
#pragma GCC unroll 2
  for (int h = 0; h < records; ++h) {
    const auto scale = V::factors(at + h * record, w.scale_type);
#pragma GCC unroll 4
    for (int c = 0; c < columns; ++c) {
      const auto scaled = V::multiply(dot[h][c], scales[c] * (1.0F / kSecondSteps));
      total[h * columns + c] = V::multiply_add(scale, scaled, total[h * columns + c]);
    }
  }
}

/** Of all parts of one group that have some. */
template <typename V, int bits, int group, int records, int columns, int rows>
inline void add_second_of_group(const PackedMatrix& w, const std::byte* at, int64_t g, const Columns<rows>& x,
                                typename V::Floats* total) {
  constexpr int kParts = group / 32;
#pragma GCC unroll 4
  for (int part = 0; part < kParts; ++part) {
    const int64_t p = g * kParts + part;
    if ((x.flags[p] >> x.first & ((1U << columns) - 1)) != 0) {
      add_second<V, bits, group, records, columns, rows>(w, at, part, x.rest + p * 32 * rows, x.scales + p * rows,
                                                         total);
    }
  }
}

/** Of column `c`, by its list. */
template <typename V, int bits, int group, int records, int rows>
inline void add_listed(const PackedMatrix& w, const std::byte* panel, const Columns<rows>& x, int c,
                       typename V::Floats (&total)[records]) {
  constexpr int kParts = group / 32;
  const int32_t* const listed = x.listed + c * (w.columns / 32);
  for (int32_t i = 0; i < x.counts[c]; ++i) {
    const int64_t p = listed[i];
    const auto add = [&](auto part) {
      if constexpr (part < kParts) {
        add_second<V, bits, group, records, 1, rows>(w, panel + p / kParts * 2 * w.record_bytes(), part,
                                                     x.rest + p * 32 * rows + 4 * c, x.scales + p * rows + c, total);
      }
    };
    switch (p % kParts) {
      case 0:
        add(std::integral_constant<int, 0>{});
        break;
      case 1:
        add(std::integral_constant<int, 1>{});
        break;
      case 2:
        add(std::integral_constant<int, 2>{});
        break;
      default:
        add(std::integral_constant<int, 3>{});
    }
  }
}

/** Whether the second terms of these columns are few: they go column by column then, after the first. */
template <int columns, int rows>
inline bool has_few_second(const PackedMatrix& w, const Columns<rows>& x) {
  int32_t terms = 0;
  for (int c = 0; c < columns; ++c) {
    terms += x.counts[c];
  }
  return static_cast<float>(terms) <= kFewTerms * static_cast<float>(w.columns / 32);
}

/** Second terms of a whole panel, column by column. */
template <typename V, int bits, int group, int columns, int rows>
inline void add_second_of_panel(const PackedMatrix& w, const std::byte* panel, const Columns<rows>& x,
                                typename V::Floats* total) {
#pragma GCC unroll 4
  for (int c = 0; c < columns; ++c) {
    typename V::Floats one[V::kRecords];
#pragma GCC unroll 2
    for (int h = 0; h < V::kRecords; ++h) {
      one[h] = V::zero();
    }
    add_listed<V, bits, group, V::kRecords, rows>(w, panel, x, c, one);
#pragma GCC unroll 2
    for (int h = 0; h < V::kRecords; ++h) {
      total[h * columns + c] = one[h];
    }
  }
}

/** V::kRecords records of every group from `panel` on, against some columns of a tile: side by side and one term after
 * the other where arithmetic is the limit; one after another, both terms at once where memory is. */
template <typename V, int bits, int group, int columns, int rows>
void tile_of(const PackedMatrix& w, const std::byte* panel, const Columns<rows>& x, const PackedOutput& out,
             int64_t height) {
  constexpr bool kStream = rows <= kStreamed;
  constexpr int kTogether = kStream ? 1 : V::kRecords;
  constexpr int kSums = V::kRecords * columns;
  const int64_t record = w.record_bytes();
  const int64_t groups = w.groups();  // a division
  const bool at_once = kStream || !has_few_second<columns, rows>(w, x);
  typename V::Floats first[kSums];
  typename V::Floats second[kSums];
#pragma GCC unroll 8
  for (int i = 0; i < kSums; ++i) {
    first[i] = second[i] = V::zero();
  }
  for (int64_t g = 0; g < groups; ++g) {
#pragma GCC unroll 2
    for (int h = 0; h < V::kRecords; h += kTogether) {
      const std::byte* const at = panel + (2 * g + h) * record;
      if constexpr (kStream) {
        for (int64_t byte = 0; byte < record; byte += 64) {
          V::prefetch(at + kAhead + byte);
        }
      }
      add_group<V, bits, group, kTogether, columns, rows>(w, at, g, x, first + h * columns);
      if (at_once) {
        add_second_of_group<V, bits, group, kTogether, columns, rows>(w, at, g, x, second + h * columns);
      }
    }
  }
  if (!at_once) {
    add_second_of_panel<V, bits, group, columns, rows>(w, panel, x, second);
  }
#pragma GCC unroll 2
  for (int h = 0; h < V::kRecords; ++h) {
#pragma GCC unroll 4
    for (int c = 0; c < columns; ++c) {
      const auto sum = V::multiply_add(second[h * columns + c], 1.0F, first[h * columns + c]);
      V::store(out.y + c * out.ldy + h * kLanes, sum, height - h * kLanes, out.add);
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
      tile_of<V, bits, group, kStep>(w, from, Columns<rows>(x, c, w.columns / 32), to(c), height - half * kLanes);
    }
    if constexpr (kLeft > 0) {
      constexpr int kFirst = rows - kLeft;
      tile_of<V, bits, group, kLeft>(w, from, Columns<rows>(x, kFirst, w.columns / 32), to(kFirst),
                                     height - half * kLanes);
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
