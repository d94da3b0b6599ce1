// The loops of KvTable on vectors of sixteen floats, in the compiler's own vector types where it has them in registers:
// each instruction set includes them in a file of its own. Everything has internal linkage.
#pragma once

#include <cstring>

#if defined(__AVX512F__)
#include <immintrin.h>
#elif defined(__ARM_NEON)
#include "kernels/neon.h"
#endif
#include "kernels/kv_store.h"
#include "kernels/kv_table.h"

namespace burin::kernels {
namespace {

#if defined(__ARM_NEON)  // whose compiler keeps vectors of 512 bits in memory

using Floats = Sixteen;
constexpr int kWide = 1;  // vectors of a value at once, for four rows: sixteen registers of 32

inline Floats load_sixteen(const uint16_t* from) {
  return load_factors(from, ScaleType::BF16);
}

inline Floats load_sixteen(const int8_t* from) {
  return to_floats(vld1q_s8(from));
}

#else

using Floats = float __attribute__((vector_size(64)));
constexpr int kWide = 4;
using Words = uint32_t __attribute__((vector_size(64)));
using Integers = int32_t __attribute__((vector_size(64)));
using Halves = uint16_t __attribute__((vector_size(32)));
using Bytes = int8_t __attribute__((vector_size(16)));

inline Floats load_sixteen(const uint16_t* from) {
  Halves half;
  std::memcpy(&half, from, sizeof half);
#if defined(__AVX512F__)  // one instruction, of which the compiler makes three
  const Words wide = reinterpret_cast<Words>(_mm512_cvtepu16_epi32(reinterpret_cast<__m256i>(half)));
#else
  const Words wide = __builtin_convertvector(half, Words);
#endif
  const Words bits = wide << 16;
  Floats values;
  std::memcpy(&values, &bits, sizeof values);
  return values;
}

inline Floats load_sixteen(const int8_t* from) {
  Bytes bytes;
  std::memcpy(&bytes, from, sizeof bytes);
#if defined(__AVX512F__)
  return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(reinterpret_cast<__m128i>(bytes)));
#else
  return __builtin_convertvector(__builtin_convertvector(bytes, Integers), Floats);
#endif
}

#endif

inline Floats load_floats(const float* from) {
  Floats values;
  std::memcpy(&values, from, sizeof values);
  return values;
}

/** sum += products of `rows` queries with dimensions [begin, end) of `blocks` blocks of keys. */
template <int rows, int blocks, typename T>
inline void add_products(const float* const* q, const T* keys, int64_t head_dim, int64_t begin, int64_t end,
                         Floats (&sum)[rows][blocks]) {
  for (int64_t d = begin; d < end; ++d) {
#pragma GCC unroll 4
    for (int b = 0; b < blocks; ++b) {
      const Floats k = load_sixteen(keys + (b * head_dim + d) * KvStore::kBlock);
#pragma GCC unroll 8
      for (int r = 0; r < rows; ++r) {
        sum[r][b] += q[r][d] * k;
      }
    }
  }
}

/** `rows` queries against `blocks` blocks of keys: enough sums at a time to hide what one addition takes. */
template <int rows, int blocks, typename T>
void dot_blocks(const float* const* q, const T* keys, const float* scales, const KvStore& store, float* scores) {
  Floats total[rows][blocks] = {};
  if constexpr (sizeof(T) == 2) {
    add_products<rows, blocks>(q, keys, store.head_dim(), 0, store.head_dim(), total);
  } else {
    for (int64_t g = 0; g < store.groups(); ++g) {
      Floats sum[rows][blocks] = {};
      add_products<rows, blocks>(q, keys, store.head_dim(), g * store.group(), (g + 1) * store.group(), sum);
#pragma GCC unroll 4
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
#pragma GCC unroll 4
    for (int b = 0; b < blocks; ++b) {
      std::memcpy(scores + r * KvStore::kChunk + b * KvStore::kBlock, &total[r][b], sizeof total[r][b]);
    }
  }
}

template <int blocks, typename T>
void dot_rows(const float* const* q, int64_t rows, const T* keys, const float* scales, const KvStore& store,
              float* scores) {
  int64_t r = 0;
  for (; blocks == 1 && r + 8 <= rows; r += 8) {
    dot_blocks<8, 1>(q + r, keys, scales, store, scores + r * KvStore::kChunk);
  }
  for (; r + 2 <= rows; r += 2) {
    dot_blocks<2, blocks>(q + r, keys, scales, store, scores + r * KvStore::kChunk);
  }
  if (r < rows) {
    dot_blocks<1, blocks>(q + r, keys, scales, store, scores + r * KvStore::kChunk);
  }
}

template <typename T>
void dot_keys(const float* const* q, int64_t rows, const KvStore& store, const KvStore::View<T>& view, int64_t blocks,
              float* scores) {
  const int64_t block = KvStore::kBlock * store.head_dim();
  const auto scales = [&](int64_t b) { return view.key_scales + b * KvStore::kBlock; };
  int64_t b = 0;
  for (; rows < 8 && b + 4 <= blocks; b += 4) {
    dot_rows<4>(q, rows, view.keys + b * block, scales(b), store, scores + b * KvStore::kBlock);
  }
  for (; b < blocks; ++b) {
    dot_rows<1>(q, rows, view.keys + b * block, scales(b), store, scores + b * KvStore::kBlock);
  }
}

/** Sixteen dimensions of the value of token `t`, from dimension `i` on. */
template <typename T>
inline Floats value_at(const KvStore& store, const KvStore::View<T>& view, int64_t t, int64_t i) {
  const Floats v = load_sixteen(view.values + t * store.head_dim() + i);
  if constexpr (sizeof(T) == 2) {
    return v;
  } else {
    return v * view.value_scales[t * store.groups() + i / store.group()];
  }
}

/** `rows` rows of p and `parts` vectors of each value, from dimension `from` on. */
template <int rows, int parts, typename T>
void add_part(const float* p, const KvStore& store, const KvStore::View<T>& view, int64_t count, int64_t from,
              float* acc) {
  const int64_t head_dim = store.head_dim();
  Floats sum[rows][parts];
#pragma GCC unroll 4
  for (int r = 0; r < rows; ++r) {
#pragma GCC unroll 4
    for (int i = 0; i < parts; ++i) {
      sum[r][i] = load_floats(acc + r * head_dim + from + 16 * i);
    }
  }
  for (int64_t t = 0; t < count; ++t) {
#pragma GCC unroll 4
    for (int i = 0; i < parts; ++i) {
      const Floats v = value_at(store, view, t, from + 16 * i);
#pragma GCC unroll 4
      for (int r = 0; r < rows; ++r) {
        sum[r][i] += p[r * KvStore::kChunk + t] * v;
      }
    }
  }
#pragma GCC unroll 4
  for (int r = 0; r < rows; ++r) {
#pragma GCC unroll 4
    for (int i = 0; i < parts; ++i) {
      std::memcpy(acc + r * head_dim + from + 16 * i, &sum[r][i], sizeof sum[r][i]);
    }
  }
}

template <int rows, typename T>
void add_rows(const float* p, const KvStore& store, const KvStore::View<T>& view, int64_t count, float* acc) {
  int64_t i = 0;
  for (; i + 16 * kWide <= store.head_dim(); i += 16 * kWide) {
    add_part<rows, kWide>(p, store, view, count, i, acc);
  }
  for (; i < store.head_dim(); i += 16) {
    add_part<rows, 1>(p, store, view, count, i, acc);
  }
}

template <typename T>
void add_values(const float* p, int64_t rows, const KvStore& store, const KvStore::View<T>& view, int64_t count,
                float* acc) {
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

constexpr KvTable kKvTable{{dot_keys<uint16_t>, add_values<uint16_t>}, {dot_keys<int8_t>, add_values<int8_t>}};

}  // namespace
}  // namespace burin::kernels
