// The one loop of the vector kernels over packed weights. Included where an instruction set is switched on: everything
// has internal linkage. `V` is that set, as packed_group.h asks for it.
#pragma once

#include <type_traits>

#include "kernels/packed_group.h"

namespace burin::kernels {
namespace {

constexpr int kStreamed = 4;       // rows of x below which memory is the limit
constexpr float kFewTerms = 1.3F;  // second terms a part of four columns below which each goes by itself
constexpr int64_t kAhead = 5760;   // bytes; measured on Zen 4: 27 GB/s, 24 without, 24 from 13 KB on

/** Second terms of some columns, of part `part` of a span. */
struct SecondTerms {
  int64_t span;
  int part;
  const int8_t* x;
  const float* scales;
};

/** total += group `sub` of the span times them. */
template <typename V, typename F, int sub, int records, int columns, int rows>
inline void add_second(ScaleType type, const Place& at, const SecondTerms& terms, typename V::Floats* total) {
  typename V::Floats dot[records][columns];
  forget_loads();
  dot_part<V, F, sub * F::kQuads, records, columns, rows>(at.records + header_of<F>(type), record_of<F>(type),
                                                          terms.part, terms.x, dot);
#pragma GCC unroll 2
  for (int h = 0; h < records; ++h) {
    const auto scale = scale_of<V, F>(type, at, terms.span * F::kSpanGroups + sub, h);
#pragma GCC unroll 4
    for (int c = 0; c < columns; ++c) {
      const auto scaled = V::multiply(dot[h][c], terms.scales[c] * (1.0F / kSecondSteps));
      total[h * columns + c] = V::multiply_add(scale, scaled, total[h * columns + c]);
    }
  }
}

/** Of all groups of a span. */
template <typename V, typename F, int records, int columns, int rows>
inline void add_second_of_part(ScaleType type, const Place& at, const SecondTerms& terms, typename V::Floats* total) {
  add_second<V, F, 0, records, columns, rows>(type, at, terms, total);
  if constexpr (F::kSpanGroups == 2) {
    add_second<V, F, 1, records, columns, rows>(type, at, terms, total);
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
      add_second_of_part<V, F, records, columns, rows>(
          type, at, {span, part, x.rest + p * 32 * rows, x.scales + p * rows}, total);
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
        add_second_of_part<V, F, V::kRecords, 1, rows>(
            w.scale_type, at, {span, part, x.rest + p * 32 * rows + 4 * c, x.scales + p * rows + c}, total);
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
