// The one loop of the vector kernels over packed weights. Included where an instruction set is switched on: everything
// has internal linkage. `V` is that set with sixteen lanes, a row of W each:
//   Codes, load, low, high   64 bytes of codes, four columns a lane; their halves; `levels`: halves through kLevels
//   Sum<width>               integer sums of products of codes below 2^width with what `spread` gives. `add` is called
//                            eight times (width 4, 8), or with `fold` between each four (width 5: codes up to 24)
//   Floats                   zero, factors (F32, F16, BF16), byte_factors (E8M0, E4M3), multiply, multiply_add,
//                            store
//   prefetch                 of a cache line
//   kRecords, kColumns       how many records (a spread activation then serves two) and columns it takes at once
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

/** What the codes of a matrix are, known while compiling. */
template <int bits_, int group_, bool affine_>
struct Form {
  static constexpr int kBits = bits_;
  static constexpr int kGroup = group_;
  static constexpr bool kAffine = affine_;
  static constexpr int kWidth = affine_ ? bits_ : 5;
  static constexpr int kSpanGroups = group_ < 32 ? 32 / group_ : 1;
  static constexpr int kParts = group_ < 32 ? 1 : group_ / 32;
  static constexpr int kQuads = group_ < 32 ? group_ / 4 : 8;  // of a part that belong to one group
};

/** Codes of every row for columns 4 j .. 4 j + 3 of part `part` of a span. */
template <typename V, typename F>
inline typename V::Codes quad(const std::byte* codes, int part, int j) {
  if constexpr (F::kBits == 8) {
    return V::load(codes + (part * 8 + j) * 64);
  } else if constexpr (F::kGroup <= 32) {
    const auto raw = V::load(codes + j % 4 * 64);
    const auto half = j < 4 ? V::low(raw) : V::high(raw);
    if constexpr (F::kAffine) {
      return half;
    } else {
      return V::levels(half);
    }
  } else {
    const auto raw = V::load(codes + (part / 2 * 8 + j) * 64);
    return part % 2 == 0 ? V::low(raw) : V::high(raw);
  }
}

/** A tile of `rows` rows from row `from` on. */
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

/** Sums of products of one part of a group, from its quad `first` on, for `records` records and `columns` columns, as
 * floats. */
template <typename V, typename F, int first, int records, int columns, int rows>
inline void dot_part(const std::byte* codes, int64_t record, int part, const int8_t* x,
                     typename V::Floats (&out)[records][columns]) {
  typename V::template Sum<F::kWidth> sum[records][columns];
#pragma GCC unroll 8
  for (int j = first; j < first + F::kQuads; ++j) {
    typename V::Codes w[records];
#pragma GCC unroll 2
    for (int h = 0; h < records; ++h) {
      w[h] = quad<V, F>(codes + h * record, part, j);
    }
#pragma GCC unroll 4
    for (int c = 0; c < columns; ++c) {
      const auto four = V::spread(x + (j * rows + c) * 4);
#pragma GCC unroll 2
      for (int h = 0; h < records; ++h) {
        sum[h][c].add(w[h], four);
        if constexpr (!F::kAffine && F::kQuads == 8) {
          if (j == 3) {
            sum[h][c].fold();
          }
        }
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

/** Bytes of a record's scales and biases, and of all of it. */
template <typename F>
inline int64_t header_of(ScaleType type) {
  return F::kAffine ? 2 * kLanes * (type == ScaleType::F32 ? 4 : 2) : 0;
}
template <typename F>
inline int64_t record_of(ScaleType type) {
  return header_of<F>(type) + kLanes * (F::kGroup < 32 ? 32 : F::kGroup) * F::kBits / 8;
}

/** Where the next records of a panel begin, and the scales at its head for their rows. */
struct Place {
  const std::byte* records;
  const std::byte* head;
};

/** What the codes of record `h` of a group are multiplied with. */
template <typename V, typename F>
inline typename V::Floats scale_of(ScaleType type, const Place& at, int64_t g, int h) {
  if constexpr (F::kAffine) {
    return V::factors(at.records + h * record_of<F>(type), type);
  } else {
    return V::multiply(V::byte_factors(at.head + g * kPanelHeight + h * kLanes, type), kHalfUnit);
  }
}

/** What is added to each product. */
template <typename V, typename F>
inline typename V::Floats bias_of(ScaleType type, const Place& at, int64_t g, int h) {
  if constexpr (F::kAffine) {
    return V::factors(at.records + h * record_of<F>(type) + header_of<F>(type) / 2, type);
  } else {
    return V::multiply(V::byte_factors(at.head + g * kPanelHeight + h * kLanes, type), -kZeroLevel * kHalfUnit);
  }
}

/** total += group `sub` of a span of `records` records times the first terms of some columns of a tile. */
template <typename V, typename F, int sub, int records, int columns, int rows>
inline void add_group(ScaleType type, const Place& at, int64_t span, const Columns<rows>& x,
                      typename V::Floats* total) {
  using Floats = typename V::Floats;
  const int64_t g = span * F::kSpanGroups + sub;
  Floats partial[records][columns];
#pragma GCC unroll 4
  for (int part = 0; part < F::kParts; ++part) {
    const int64_t p = span * F::kParts + part;
    Floats dot[records][columns];
    forget_loads();
    dot_part<V, F, sub * F::kQuads, records, columns, rows>(at.records + header_of<F>(type), record_of<F>(type), part,
                                                            x.codes + p * 32 * rows, dot);
    add_scaled<V, records, columns>(dot, x.scales + p * rows, part == 0, partial);
  }
#pragma GCC unroll 2
  for (int h = 0; h < records; ++h) {
    const Floats scale = scale_of<V, F>(type, at, g, h);
    const Floats bias = bias_of<V, F>(type, at, g, h);
#pragma GCC unroll 4
    for (int c = 0; c < columns; ++c) {
      Floats& sum = total[h * columns + c];
      sum = V::multiply_add(bias, x.sums[g * rows + c], V::multiply_add(scale, partial[h][c], sum));
    }
  }
}

/** total += the same group times second terms: those of part `part` of its span, at `x`. */
template <typename V, typename F, int sub, int records, int columns, int rows>
inline void add_second(ScaleType type, const Place& at, int64_t span, int part, const int8_t* x, const float* scales,
                       typename V::Floats* total) {
  typename V::Floats dot[records][columns];
  forget_loads();
  dot_part<V, F, sub * F::kQuads, records, columns, rows>(at.records + header_of<F>(type), record_of<F>(type), part, x,
                                                          dot);
#pragma GCC unroll 2
  for (int h = 0; h < records; ++h) {
    const auto scale = scale_of<V, F>(type, at, span * F::kSpanGroups + sub, h);
#pragma GCC unroll 4
    for (int c = 0; c < columns; ++c) {
      const auto scaled = V::multiply(dot[h][c], scales[c] * (1.0F / kSecondSteps));
      total[h * columns + c] = V::multiply_add(scale, scaled, total[h * columns + c]);
    }
  }
}

/** Of all groups of a span. */
template <typename V, typename F, int records, int columns, int rows>
inline void add_second_of_part(ScaleType type, const Place& at, int64_t span, int part, const int8_t* x,
                               const float* scales, typename V::Floats* total) {
  add_second<V, F, 0, records, columns, rows>(type, at, span, part, x, scales, total);
  if constexpr (F::kSpanGroups == 2) {
    add_second<V, F, 1, records, columns, rows>(type, at, span, part, x, scales, total);
  }
}

/** Of all parts of a span that have some. */
template <typename V, typename F, int records, int columns, int rows>
inline void add_second_of_span(ScaleType type, const Place& at, int64_t span, const Columns<rows>& x,
                               typename V::Floats* total) {
#pragma GCC unroll 4
  for (int part = 0; part < F::kParts; ++part) {
    const int64_t p = span * F::kParts + part;
    if ((x.flags[p] >> x.first & ((1U << columns) - 1)) != 0) {
      add_second_of_part<V, F, records, columns, rows>(type, at, span, part, x.rest + p * 32 * rows,
                                                       x.scales + p * rows, total);
    }
  }
}

/** Of column `c` in all spans from `first` on, by its list. */
template <typename V, typename F, int rows>
inline void add_listed(const PackedMatrix& w, const Place& first, const Columns<rows>& x, int c,
                       typename V::Floats (&total)[V::kRecords]) {
  const int32_t* const listed = x.listed + c * (w.columns / 32);
  for (int32_t i = 0; i < x.counts[c]; ++i) {
    const int64_t p = listed[i];
    const int64_t span = p / F::kParts;
    const auto add = [&](auto part) {
      if constexpr (part < F::kParts) {
        const Place at{first.records + span * 2 * record_of<F>(w.scale_type), first.head};
        add_second_of_part<V, F, V::kRecords, 1, rows>(w.scale_type, at, span, part, x.rest + p * 32 * rows + 4 * c,
                                                       x.scales + p * rows + c, total);
      }
    };
    switch (p % F::kParts) {
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

/** total = second terms of all spans, column by column. */
template <typename V, typename F, int columns, int rows>
inline void second_by_column(const PackedMatrix& w, const Place& first, const Columns<rows>& x,
                             typename V::Floats* total) {
#pragma GCC unroll 4
  for (int c = 0; c < columns; ++c) {
    typename V::Floats one[V::kRecords];
#pragma GCC unroll 2
    for (int h = 0; h < V::kRecords; ++h) {
      one[h] = V::zero();
    }
    add_listed<V, F, rows>(w, first, x, c, one);
#pragma GCC unroll 2
    for (int h = 0; h < V::kRecords; ++h) {
      total[h * columns + c] = one[h];
    }
  }
}

/** V::kRecords records of every span, the panel's `half`-th first, against some columns of a tile: side by side where
 * arithmetic is the limit, one after another where memory is. */
template <typename V, typename F, int columns, int rows>
void tile_of(const PackedMatrix& w, const std::byte* panel, int half, const Columns<rows>& x, const PackedOutput& out,
             int64_t height) {
  constexpr bool kStream = rows <= kStreamed;
  constexpr int kTogether = kStream ? 1 : V::kRecords;
  constexpr int kSums = V::kRecords * columns;
  const int64_t record = record_of<F>(w.scale_type);
  const int64_t spans = w.spans();
  const Place begin{panel + w.head_bytes() + half * record, panel + half * kLanes};
  const bool at_once = kStream || !has_few_second<columns, rows>(w, x);
  typename V::Floats first[kSums];
  typename V::Floats second[kSums];
#pragma GCC unroll 8
  for (int i = 0; i < kSums; ++i) {
    first[i] = second[i] = V::zero();
  }
  for (int64_t s = 0; s < spans; ++s) {
#pragma GCC unroll 2
    for (int h = 0; h < V::kRecords; h += kTogether) {
      const Place at{begin.records + (2 * s + h) * record, begin.head + h * kLanes};
      if constexpr (kStream) {
        for (int64_t byte = 0; byte < record; byte += 64) {
          V::prefetch(at.records + kAhead + byte);
        }
      }
      add_group<V, F, 0, kTogether, columns, rows>(w.scale_type, at, s, x, first + h * columns);
      if constexpr (F::kSpanGroups == 2) {
        add_group<V, F, 1, kTogether, columns, rows>(w.scale_type, at, s, x, first + h * columns);
      }
      if (at_once) {
        add_second_of_span<V, F, kTogether, columns, rows>(w.scale_type, at, s, x, second + h * columns);
      }
    }
  }
  if (!at_once) {
    second_by_column<V, F, columns, rows>(w, begin, x, second);
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
template <typename V, typename F, int rows>
void tile_columns(const PackedMatrix& w, const std::byte* panel, const TileView& x, const PackedOutput& out,
                  int64_t height) {
  constexpr int kStep = rows < V::kColumns ? rows : V::kColumns;
  constexpr int kLeft = rows % kStep;
  for (int half = 0; half < 2 && half * kLanes < height; half += V::kRecords) {
    const auto to = [&](int c) { return PackedOutput{out.y + c * out.ldy + half * kLanes, out.ldy, out.add}; };
    for (int c = 0; c + kStep <= rows; c += kStep) {
      tile_of<V, F, kStep>(w, panel, half, Columns<rows>(x, c, w.columns / 32), to(c), height - half * kLanes);
    }
    if constexpr (kLeft > 0) {
      constexpr int kFirst = rows - kLeft;
      tile_of<V, F, kLeft>(w, panel, half, Columns<rows>(x, kFirst, w.columns / 32), to(kFirst),
                           height - half * kLanes);
    }
  }
}

using Tile = void (*)(const PackedMatrix&, const std::byte*, const TileView&, const PackedOutput&, int64_t);

template <typename V, typename F>
Tile tile_of_rows(int64_t rows) {
  static constexpr Tile kTiles[kTileRows] = {tile_columns<V, F, 1>, tile_columns<V, F, 2>, tile_columns<V, F, 3>,
                                             tile_columns<V, F, 4>, tile_columns<V, F, 5>, tile_columns<V, F, 6>,
                                             tile_columns<V, F, 7>, tile_columns<V, F, 8>};
  return kTiles[rows - 1];
}

template <typename V, int bits>
Tile tile_of_bits(int group_size, int64_t rows) {
  switch (group_size) {
    case 32:
      return tile_of_rows<V, Form<bits, 32, true>>(rows);
    case 64:
      return tile_of_rows<V, Form<bits, 64, true>>(rows);
    default:
      return tile_of_rows<V, Form<bits, 128, true>>(rows);
  }
}

template <typename V>
void vector_tile(const PackedMatrix& w, const std::byte* panel, const TileView& x, const PackedOutput& out,
                 int64_t height) {
  Tile tile = nullptr;
  if (w.affine()) {
    tile = (w.bits == 4 ? tile_of_bits<V, 4> : tile_of_bits<V, 8>)(w.group_size, x.rows);
  } else {
    tile =
        w.group_size == 16 ? tile_of_rows<V, Form<4, 16, false>>(x.rows) : tile_of_rows<V, Form<4, 32, false>>(x.rows);
  }
  tile(w, panel, x, out, height);
}

}  // namespace
}  // namespace burin::kernels
