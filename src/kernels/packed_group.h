// One group of packed weights times some columns of a tile, for packed_tile.h. Included where an instruction set is
// switched on: everything has internal linkage. `V` is that set with sixteen lanes, a row of W each:
//   Codes, load              64 bytes of codes, four columns a lane
//   low, high, half          their halves (`half`: low after a shift by 0 or 4); `levels`: halves through kLevels
//   Sum<width>               integer sums of products of codes below 2^width with what `spread` gives. `fold` comes
//                            after eight times `add` at most (after four at width 5: codes up to 24); `times_256`
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
  static constexpr int kSpan = group_ < 32 ? 32 : group_;
  static constexpr int kSpanGroups = kSpan / group_;
  static constexpr int kQuads = group_ / 4;                               // of a group
  static constexpr int kHalf = bits_ == 8 ? kSpan : kSpan == 32 ? 4 : 8;  // quads between a byte's low and high half
};

/** Codes of quad `j` of a span, of which `half` takes one half. */
template <typename V, typename F, typename Half>
inline typename V::Codes quad(const std::byte* codes, int j, Half half) {
  if constexpr (F::kBits == 8) {
    return V::load(codes + j * 64);
  } else {
    const auto raw = V::load(codes + (j / (2 * F::kHalf) * F::kHalf + j % F::kHalf) * 64);
    const bool high = j / F::kHalf % 2 != 0;
    if constexpr (F::kAffine) {
      return half(raw, high);
    } else {
      return V::levels(half(raw, high));
    }
  }
}

/** Where `j` is known while compiling. */
template <typename V, typename F>
inline typename V::Codes known_quad(const std::byte* codes, int j) {
  return quad<V, F>(codes, j, [](auto raw, bool high) { return high ? V::high(raw) : V::low(raw); });
}

/** Where it is not: without a branch. */
template <typename V, typename F>
inline typename V::Codes any_quad(const std::byte* codes, int j) {
  return quad<V, F>(codes, j, [](auto raw, bool high) { return V::half(raw, high ? 4 : 0); });
}

/** A tile of `rows` rows from row `from` on. */
template <int rows>
struct Columns {
  const int8_t* low;
  const int8_t* high;
  const Outlier* outliers;
  const int32_t* counts;
  const float* scales;
  const float* sums;

  Columns(const TileView& x, int from, int64_t quads)
      : low(x.low + 4 * from),
        high(x.high == nullptr ? nullptr : x.high + 4 * from),
        outliers(x.outliers + from * quads),
        counts(x.counts + from),
        scales(x.scales + from),
        sums(x.sums + from) {}
};

template <int records, int columns, typename Sum, typename Do>
inline void for_all(Sum (&sum)[records][columns], Do act) {
#pragma GCC unroll 2
  for (int h = 0; h < records; ++h) {
#pragma GCC unroll 4
    for (int c = 0; c < columns; ++c) {
      act(sum[h][c]);
    }
  }
}

/** sum += codes of a quad of `records` records times one piece of some columns. */
template <typename V, int records, int columns, typename Sum>
inline void add_quad(const typename V::Codes (&w)[records], const int8_t* x, Sum (&sum)[records][columns]) {
#pragma GCC unroll 8
  for (int c = 0; c < columns; ++c) {
    const auto four = V::spread(x + 4 * c);
#pragma GCC unroll 2
    for (int h = 0; h < records; ++h) {
      sum[h][c].add(w[h], four);
    }
  }
}

/** sum += codes of a group, from quad `first` of its span on, times the bytes at `x`. Called, it would keep its sums in
 * memory: AVX2 then takes 1.7 times as long. */
template <typename V, typename F, int first, int records, int columns, int rows, typename Sum>
[[gnu::always_inline]] inline void add_byte(const std::byte* codes, int64_t record, const int8_t* x,
                                            Sum (&sum)[records][columns]) {
  constexpr int kRun = F::kWidth == 5 ? 4 : 8;  // before a fold
#pragma GCC unroll 32
  for (int j = 0; j < F::kQuads; ++j) {
    if (j % kRun == 0) {
      forget_loads();
    }
    typename V::Codes w[records];
#pragma GCC unroll 2
    for (int h = 0; h < records; ++h) {
      w[h] = known_quad<V, F>(codes + h * record, first + j);
    }
    add_quad<V>(w, x + j * 4 * rows, sum);
    if (j % kRun == kRun - 1) {
      for_all(sum, [](Sum& one) { one.fold(); });
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
  return header_of<F>(type) + kLanes * F::kSpan * F::kBits / 8;
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

/** total += group `sub` of a span of `records` records times some columns of a tile, without their outliers. */
template <typename V, typename F, int sub, int records, int columns, int rows>
inline void add_group(ScaleType type, const Place& at, int64_t span, const Columns<rows>& x,
                      typename V::Floats* total) {
  constexpr int kFirst = sub * F::kQuads;
  using Floats = typename V::Floats;
  using Sum = typename V::template Sum<F::kWidth>;
  const int64_t g = span * F::kSpanGroups + sub;
  const int64_t piece = g * F::kQuads * 4 * rows;
  const int64_t record = record_of<F>(type);
  const std::byte* const codes = at.records + header_of<F>(type);
  Sum sum[records][columns];
  if (x.high != nullptr) {
    add_byte<V, F, kFirst, records, columns, rows>(codes, record, x.high + piece, sum);
    for_all(sum, [](Sum& one) { one.times_256(); });
  }
  add_byte<V, F, kFirst, records, columns, rows>(codes, record, x.low + piece, sum);
#pragma GCC unroll 2
  for (int h = 0; h < records; ++h) {
    const Floats scale = scale_of<V, F>(type, at, g, h);
    const Floats bias = bias_of<V, F>(type, at, g, h);
#pragma GCC unroll 4
    for (int c = 0; c < columns; ++c) {
      Floats& to = total[h * columns + c];
      to = V::multiply_add(bias, x.sums[g * rows + c], V::multiply_add(scale, sum[h][c].floats(), to));
    }
  }
}

/** total = outliers of a row times V::kRecords records of each span, the first of which are at `begin`. */
template <typename V, typename F>
inline void multiply_outliers(ScaleType type, const Place& begin, const Outlier* outliers, int32_t count,
                              typename V::Floats (&total)[V::kRecords]) {
  using Sum = typename V::template Sum<F::kWidth>;
  constexpr uint32_t kSpanQuads = F::kSpan / 4;
  const int64_t record = record_of<F>(type);
#pragma GCC unroll 2
  for (int h = 0; h < V::kRecords; ++h) {
    total[h] = V::zero();
  }
  for (const Outlier* o = outliers; o != outliers + count; ++o) {
    const uint32_t span = o->quad / kSpanQuads;
    const int j = static_cast<int>(o->quad % kSpanQuads);
    const Place at{begin.records + span * 2 * record, begin.head};
    const auto four = V::spread(o->high);
#pragma GCC unroll 2
    for (int h = 0; h < V::kRecords; ++h) {
      Sum sum;
      sum.add(any_quad<V, F>(at.records + h * record + header_of<F>(type), j), four);
      sum.fold();
      total[h] = V::multiply_add(scale_of<V, F>(type, at, o->quad / F::kQuads, h), sum.floats(), total[h]);
    }
  }
}

}  // namespace
}  // namespace burin::kernels
