// The one loop of the vector kernels over dense weights. Included where an instruction set is switched on: everything
// has internal linkage. `V` is that set: kLanes, kColumns (rows of x at once), Floats, zero, load<type>,
// load_part<type>, multiply_add, store, sum. Every element adds its lanes in the same order, however many rows share
// the pass.
#pragma once

#include "kernels/dense_table.h"

namespace burin::kernels {
namespace {

constexpr int64_t kDenseBlock = 1024;  // columns whose widened rows stay in L1

/** Up to kDenseRows rows of W, `stride` elements apart, and how many of their columns are taken. */
struct DenseRows {
  const void* data;
  int64_t stride;
  int64_t count;
};

/** Where the products of these rows go: element (row of x, row of W) at y[i * ldy + r], added where `add`. */
struct DenseOutput {
  float* y;
  int64_t ldy;
  bool add;
};

template <ScaleType type>
inline const void* dense_at(const void* data, int64_t i) {
  return static_cast<const char*>(data) + i * (type == ScaleType::F32 ? 4 : 2);
}

/** `count` values; beyond them zeros. */
template <typename V, ScaleType type>
inline typename V::Floats load_lanes(const void* data, int64_t i, int64_t count) {
  return count == V::kLanes ? V::template load<type>(data, i) : V::template load_part<type>(data, i, count);
}

/** total += `count` columns from `k` on. */
template <typename V, ScaleType type, int rows, int columns>
inline void add_lanes(const DenseRows& w, const float* x, int64_t ldx, int64_t k, int64_t count,
                      typename V::Floats (&total)[rows][columns]) {
  typename V::Floats values[rows];
#pragma GCC unroll 4
  for (int r = 0; r < rows; ++r) {
    values[r] = load_lanes<V, type>(w.data, r * w.stride + k, count);
  }
#pragma GCC unroll 6
  for (int c = 0; c < columns; ++c) {
    const auto lanes = load_lanes<V, ScaleType::F32>(x, c * ldx + k, count);
#pragma GCC unroll 4
    for (int r = 0; r < rows; ++r) {
      total[r][c] = V::multiply_add(values[r], lanes, total[r][c]);
    }
  }
}

/** `rows` rows of W against `columns` rows of x. */
template <typename V, ScaleType type, int rows, int columns>
void dense_tile(const DenseRows& w, const float* x, int64_t ldx, const DenseOutput& out) {
  typename V::Floats total[rows][columns];
#pragma GCC unroll 4
  for (int r = 0; r < rows; ++r) {
#pragma GCC unroll 6
    for (int c = 0; c < columns; ++c) {
      total[r][c] = V::zero();
    }
  }
  int64_t k = 0;
  for (; k + V::kLanes <= w.count; k += V::kLanes) {
    add_lanes<V, type, rows, columns>(w, x, ldx, k, V::kLanes, total);
  }
  if (k < w.count) {
    add_lanes<V, type, rows, columns>(w, x, ldx, k, w.count - k, total);
  }
#pragma GCC unroll 6
  for (int c = 0; c < columns; ++c) {
#pragma GCC unroll 4
    for (int r = 0; r < rows; ++r) {
      const float sum = V::sum(total[r][c]);
      float& to = out.y[c * out.ldy + r];
      to = out.add ? to + sum : sum;
    }
  }
}

/** The same for `m` rows of x, as many at a time as registers hold. */
template <typename V, ScaleType type, int rows, int columns = V::kColumns>
void dense_columns(const DenseRows& w, const float* x, int64_t ldx, int64_t m, const DenseOutput& out) {
  int64_t i = 0;
  for (; i + columns <= m; i += columns) {
    dense_tile<V, type, rows, columns>(w, x + i * ldx, ldx, {out.y + i * out.ldy, out.ldy, out.add});
  }
  if constexpr (columns > 1) {
    dense_columns<V, type, rows, columns / 2>(w, x + i * ldx, ldx, m - i, {out.y + i * out.ldy, out.ldy, out.add});
  }
}

/** In whole vectors. */
template <typename V, ScaleType type>
void widen_row(const void* from, int64_t count, float* to) {
  for (int64_t k = 0; k < count; k += V::kLanes) {
    V::store(to + k, load_lanes<V, type>(from, k, count - k < V::kLanes ? count - k : V::kLanes));
  }
}

/** `rows` rows from `row` on. What more than one pass over x reads is widened once. */
template <typename V, ScaleType type, int rows>
void dense_block(const DenseMatrix& w, const float* x, int64_t m, int64_t row, float* y) {
  alignas(64) float widened[kDenseRows * kDenseBlock];
  for (int64_t from = 0; from == 0 || from < w.columns; from += kDenseBlock) {
    const int64_t count = w.columns - from < kDenseBlock ? w.columns - from : kDenseBlock;
    const DenseRows stored{dense_at<type>(w.data, row * w.columns + from), w.columns, count};
    const DenseOutput out{y + row, w.rows, from > 0};
    if (type == ScaleType::F32 || m <= V::kColumns) {
      dense_columns<V, type, rows>(stored, x + from, w.columns, m, out);
      continue;
    }
    for (int64_t r = 0; r < rows; ++r) {
      widen_row<V, type>(dense_at<type>(stored.data, r * w.columns), count, widened + r * kDenseBlock);
    }
    dense_columns<V, ScaleType::F32, rows>({widened, kDenseBlock, count}, x + from, w.columns, m, out);
  }
}

template <typename V, ScaleType type>
void dense_rows_of(const DenseMatrix& w, const float* x, int64_t m, int64_t begin, int64_t end, float* y) {
  int64_t row = begin;
  for (; row + kDenseRows <= end; row += kDenseRows) {
    dense_block<V, type, kDenseRows>(w, x, m, row, y);
  }
  for (; row < end; ++row) {
    dense_block<V, type, 1>(w, x, m, row, y);
  }
}

template <typename V>
void dense_rows(const DenseMatrix& w, const float* x, int64_t m, int64_t begin, int64_t end, float* y) {
  switch (w.type) {
    case ScaleType::F16:
      return dense_rows_of<V, ScaleType::F16>(w, x, m, begin, end, y);
    case ScaleType::BF16:
      return dense_rows_of<V, ScaleType::BF16>(w, x, m, begin, end, y);
    default:
      return dense_rows_of<V, ScaleType::F32>(w, x, m, begin, end, y);
  }
}

}  // namespace
}  // namespace burin::kernels
