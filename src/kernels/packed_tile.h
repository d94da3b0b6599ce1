// The one loop of the vector kernels over packed weights. Included where an instruction set is switched on: everything
// has internal linkage. `V` is that set, as packed_group.h asks for it.
#pragma once

#include "kernels/packed_group.h"

namespace burin::kernels {
namespace {

constexpr int kStreamed = 4;      // rows of x below which memory is the limit
constexpr int64_t kAhead = 5760;  // bytes; measured on Zen 4: 27 GB/s, 24 without, 24 from 13 KB on

/** V::kRecords records of every span, the panel's `half`-th first, against some columns of a tile: side by side where
 * arithmetic is the limit, one after another where memory is. */
template <typename V, typename F, int columns, int rows>
void tile_of(const PackedMatrix& w, const std::byte* panel, int half, const Columns<rows>& x, const PackedOutput& out,
             int64_t height) {
  constexpr bool kStream = rows <= kStreamed;
  constexpr int kTogether = kStream ? 1 : V::kRecords;
  constexpr int kSums = V::kRecords * columns;
  const int64_t record = record_of<F>(w.scale_type);
  const Place begin{panel + w.head_bytes() + half * record, panel + half * kLanes};
  typename V::Floats total[kSums];
#pragma GCC unroll 16
  for (int i = 0; i < kSums; ++i) {
    total[i] = V::zero();
  }
  for (int64_t s = 0; s < w.spans(); ++s) {
#pragma GCC unroll 2
    for (int h = 0; h < V::kRecords; h += kTogether) {
      const Place at{begin.records + (2 * s + h) * record, begin.head + h * kLanes};
      if constexpr (kStream) {
        for (int64_t byte = 0; byte < record; byte += 64) {
          V::prefetch(at.records + kAhead + byte);
        }
      }
      add_group<V, F, 0, kTogether, columns, rows>(w.scale_type, at, s, x, total + h * columns);
      if constexpr (F::kSpanGroups == 2) {
        add_group<V, F, 1, kTogether, columns, rows>(w.scale_type, at, s, x, total + h * columns);
      }
    }
  }
#pragma GCC unroll 4
  for (int c = 0; c < columns; ++c) {
    typename V::Floats outliers[V::kRecords];
    multiply_outliers<V, F>(w.scale_type, begin, x.outliers + c * (w.columns / 4), x.counts[c], outliers);
#pragma GCC unroll 2
    for (int h = 0; h < V::kRecords; ++h) {
      const auto sum = V::multiply_add(outliers[h], 256.0F, total[h * columns + c]);
      V::store(out.y + c * out.ldy + h * kLanes, V::multiply(sum, x.scales[c]), height - h * kLanes, out.add);
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
      tile_of<V, F, kStep>(w, panel, half, Columns<rows>(x, c, w.columns / 4), to(c), height - half * kLanes);
    }
    if constexpr (kLeft > 0) {
      constexpr int kFirst = rows - kLeft;
      tile_of<V, F, kLeft>(w, panel, half, Columns<rows>(x, kFirst, w.columns / 4), to(kFirst), height - half * kLanes);
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
