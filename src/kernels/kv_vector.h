// The loops of KvTable on vectors of sixteen floats. Each instruction set includes them in a file of its own:
// everything has internal linkage.
#pragma once

#include "kernels/kv_lanes.h"
#include "kernels/kv_store.h"
#include "kernels/kv_table.h"

namespace burin::kernels {
namespace {

/** One by one: an initialiser would clear memory instead of registers. */
template <int rows, int blocks>
inline void clear(Floats (&sum)[rows][blocks]) {
#pragma GCC unroll 8
  for (int r = 0; r < rows; ++r) {
#pragma GCC unroll 8
    for (int b = 0; b < blocks; ++b) {
      sum[r][b] = Floats{};
    }
  }
}

/** sum += products of `rows` queries with dimensions [begin, end) of `blocks` blocks of keys. */
template <int rows, int blocks>
inline void add_products(const Factor* const* q, const uint16_t* keys, int64_t head_dim, int64_t begin, int64_t end,
                         Floats (&sum)[rows][blocks]) {
  for (int64_t d = begin; d < end; d += 2) {
#pragma GCC unroll 8
    for (int b = 0; b < blocks; ++b) {
      const uint16_t* const from = keys + (b * head_dim + d) * KvStore::kBlock;
      __builtin_prefetch(from + KvStore::kChunk * head_dim);  // of the values, which come next
      const Pairs k = load_pairs(from);
#pragma GCC unroll 8
      for (int r = 0; r < rows; ++r) {
        add_product(q[r] + d, k, sum[r][b]);
      }
    }
  }
}

template <int rows, int blocks>
inline void add_products(const float* const* q, const int8_t* keys, int64_t head_dim, int64_t begin, int64_t end,
                         Floats (&sum)[rows][blocks]) {
  for (int64_t d = begin; d < end; ++d) {
#pragma GCC unroll 8
    for (int b = 0; b < blocks; ++b) {
      const int8_t* const from = keys + (b * head_dim + d) * KvStore::kBlock;
      __builtin_prefetch(from + KvStore::kChunk * head_dim);
      const Floats k = load_sixteen(from);
#pragma GCC unroll 8
      for (int r = 0; r < rows; ++r) {
        sum[r][b] += q[r][d] * k;
      }
    }
  }
}

/** `rows` queries against `blocks` blocks of keys: enough sums at a time to hide what one addition takes. */
template <int rows, int blocks, typename T, typename Q>
void dot_blocks(const Q* const* q, const T* keys, const float* scales, const KvStore& store, float* scores) {
  Floats total[rows][blocks];
  clear(total);
  if constexpr (sizeof(T) == 2) {
    add_products<rows, blocks>(q, keys, store.head_dim(), 0, store.head_dim(), total);
  } else {
    for (int64_t g = 0; g < store.groups(); ++g) {
      Floats sum[rows][blocks];
      clear(sum);
      add_products<rows, blocks>(q, keys, store.head_dim(), g * store.group(), (g + 1) * store.group(), sum);
#pragma GCC unroll 8
      for (int b = 0; b < blocks; ++b) {
        const Floats scale = load_floats(scales + g * KvStore::kChunk + b * KvStore::kBlock);
#pragma GCC unroll 8
        for (int r = 0; r < rows; ++r) {
          total[r][b] += sum[r][b] * scale;
        }
      }
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < rows; ++r) {
#pragma GCC unroll 8
    for (int b = 0; b < blocks; ++b) {
      store_floats(scores + r * KvStore::kChunk + b * KvStore::kBlock, total[r][b]);
    }
  }
}

template <int blocks, typename T, typename Q>
void dot_rows(const Q* const* q, int64_t rows, const T* keys, const float* scales, const KvStore& store,
              float* scores) {
  int64_t r = 0;
  for (; blocks == 1 && r + kTall <= rows; r += kTall) {
    dot_blocks<kTall, 1>(q + r, keys, scales, store, scores + r * KvStore::kChunk);
  }
  for (; r + 2 <= rows; r += 2) {
    dot_blocks<2, blocks>(q + r, keys, scales, store, scores + r * KvStore::kChunk);
  }
  if (r < rows) {
    dot_blocks<1, blocks>(q + r, keys, scales, store, scores + r * KvStore::kChunk);
  }
}

/** q: rows of what T is multiplied with. */
template <typename T, typename Q>
void dot_all(const Q* const* q, int64_t rows, const KvStore& store, const KvStore::View<T>& view, int64_t blocks,
             float* scores) {
  constexpr int kBeside = kTall / 2;  // blocks, for few rows
  const int64_t block = KvStore::kBlock * store.head_dim();
  const auto scales = [&](int64_t b) { return view.key_scales + b * KvStore::kBlock; };
  int64_t b = 0;
  for (; rows < kTall && b + kBeside <= blocks; b += kBeside) {
    dot_rows<kBeside>(q, rows, view.keys + b * block, scales(b), store, scores + b * KvStore::kBlock);
  }
  for (; b < blocks; ++b) {
    dot_rows<1>(q, rows, view.keys + b * block, scales(b), store, scores + b * KvStore::kBlock);
  }
}

/** sum += products of `rows` rows of p with dimensions [from, from + 16 * parts) of the first `count` values. */
template <int rows, int parts>
inline void add_weighted(const Factor* p, const KvStore& store, const KvStore::View<uint16_t>& view, int64_t count,
                         int64_t from, Floats (&sum)[rows][parts]) {
  const auto step = [&](int64_t t, auto part_of) {
#pragma GCC unroll 8
    for (int i = 0; i < parts; ++i) {
      const int64_t at = t * store.head_dim() + 2 * (from + 16 * i);
      __builtin_prefetch(view.next + at);
      const Pairs v = part_of(load_pairs(view.values + at));
#pragma GCC unroll 8
      for (int r = 0; r < rows; ++r) {
        add_product(p + r * KvStore::kChunk + t, v, sum[r][i]);
      }
    }
  };
  int64_t t = 0;
  for (; t + 2 <= count; t += 2) {
    step(t, [](const Pairs& both) { return both; });
  }
  if (t < count) {  // beside the last token lies what was never written, or was taken back
    step(t, [](const Pairs& both) { return first_of(both); });
  }
}

template <int rows, int parts>
inline void add_weighted(const float* p, const KvStore& store, const KvStore::View<int8_t>& view, int64_t count,
                         int64_t from, Floats (&sum)[rows][parts]) {
  for (int64_t t = 0; t < count; ++t) {
#pragma GCC unroll 8
    for (int i = 0; i < parts; ++i) {
      const int64_t at = t * store.head_dim() + from + 16 * i;
      __builtin_prefetch(view.next + at);
      const float scale = view.value_scales[t * store.groups() + (from + 16 * i) / store.group()];
      const Floats v = scale * load_sixteen(view.values + at);
#pragma GCC unroll 8
      for (int r = 0; r < rows; ++r) {
        sum[r][i] += p[r * KvStore::kChunk + t] * v;
      }
    }
  }
}

/** `rows` rows of p and `parts` vectors of each value, from dimension `from` on. */
template <int rows, int parts, typename T, typename P>
void add_part(const P* p, const KvStore& store, const KvStore::View<T>& view, int64_t count, int64_t from, float* acc) {
  const int64_t head_dim = store.head_dim();
  Floats sum[rows][parts];
#pragma GCC unroll 8
  for (int r = 0; r < rows; ++r) {
#pragma GCC unroll 8
    for (int i = 0; i < parts; ++i) {
      sum[r][i] = load_floats(acc + r * head_dim + from + 16 * i);
    }
  }
  add_weighted<rows, parts>(p, store, view, count, from, sum);
#pragma GCC unroll 8
  for (int r = 0; r < rows; ++r) {
#pragma GCC unroll 8
    for (int i = 0; i < parts; ++i) {
      store_floats(acc + r * head_dim + from + 16 * i, sum[r][i]);
    }
  }
}

template <int rows, typename T, typename P>
void add_rows(const P* p, const KvStore& store, const KvStore::View<T>& view, int64_t count, float* acc) {
  constexpr int kParts = kSums / rows < 8 ? kSums / rows : 8;
  int64_t i = 0;
  for (; i + 16 * kParts <= store.head_dim(); i += 16 * kParts) {
    add_part<rows, kParts>(p, store, view, count, i, acc);
  }
  for (; i < store.head_dim(); i += 16) {
    add_part<rows, 1>(p, store, view, count, i, acc);
  }
}

/** p: rows of what T is multiplied with. */
template <typename T, typename P>
void add_all(const P* p, int64_t rows, const KvStore& store, const KvStore::View<T>& view, int64_t count, float* acc) {
  const auto row = [&](int64_t r) { return acc + r * store.head_dim(); };
  int64_t r = 0;
  for (; r + 4 <= rows; r += 4) {
    add_rows<4>(p + r * KvStore::kChunk, store, view, count, row(r));
  }
  for (; r + 2 <= rows; r += 2) {
    add_rows<2>(p + r * KvStore::kChunk, store, view, count, row(r));
  }
  for (; r < rows; ++r) {
    add_rows<1>(p + r * KvStore::kChunk, store, view, count, row(r));
  }
}

#if !defined(__AVX512BF16__)
constexpr KvTable kKvTable{{dot_all<uint16_t, float>, add_all<uint16_t, float>},
                           {dot_all<int8_t, float>, add_all<int8_t, float>}};
#endif

}  // namespace
}  // namespace burin::kernels
