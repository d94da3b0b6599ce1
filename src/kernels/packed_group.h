// One group of packed weights times some columns of a tile, for packed_tile.h. Included where an instruction set is
// switched on: everything has internal linkage. `V` is that set with sixteen lanes, a row of W each:
//   Codes, load, low, high   64 bytes of codes, four columns a lane; their halves; `levels`: halves through kLevels
//   Sum<width>               integer sums of products of codes below 2^width with what `spread` gives. `add` is called
//                            eight times (width 4, 8), or with `fold` between each four (width 5: codes up to 24)
//   Floats                   zero, factors (F32, F16, BF16), byte_factors (E8M0, E4M3), multiply, multiply_add,
//                            store
//   prefetch                 of a cache line
//   kRecords, kColumns       how many records (a spread activation then serves two) and columns it takes at once
#pragma once

#include <cstdint>

#include "kernels/packed_table.h"

namespace burin::kernels {
namespace {

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

}  // namespace
}  // namespace burin::kernels
