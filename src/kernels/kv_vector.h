// The loops of KvTable on vectors of sixteen floats, in the compiler's own vector types: each instruction set includes
// them in a file of its own. Everything has internal linkage.
#pragma once

#if defined(__AVX512F__)
#include <immintrin.h>
#endif

#include <cstring>

#include "kernels/kv_store.h"
#include "kernels/kv_table.h"

namespace burin::kernels {
namespace {

using Floats = float __attribute__((vector_size(64)));
using Words = uint32_t __attribute__((vector_size(64)));
using Halves = uint16_t __attribute__((vector_size(32)));

inline Floats load_bfloat16(const uint16_t* from) {
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

inline Floats load_floats(const float* from) {
  Floats values;
  std::memcpy(&values, from, sizeof values);
  return values;
}

/** `rows` queries against `blocks` blocks of keys: enough sums at a time to hide what one addition takes. */
template <int rows, int blocks>
void dot_blocks(const float* const* q, const uint16_t* keys, int64_t head_dim, float* scores) {
  Floats sum[rows][blocks] = {};
  for (int64_t d = 0; d < head_dim; ++d) {
#pragma GCC unroll 4
    for (int b = 0; b < blocks; ++b) {
      const Floats k = load_bfloat16(keys + (b * head_dim + d) * KvStore::kBlock);
#pragma GCC unroll 8
      for (int r = 0; r < rows; ++r) {
        sum[r][b] += q[r][d] * k;
      }
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < rows; ++r) {
#pragma GCC unroll 4
    for (int b = 0; b < blocks; ++b) {
      std::memcpy(scores + r * KvStore::kChunk + b * KvStore::kBlock, &sum[r][b], sizeof sum[r][b]);
    }
  }
}

template <int blocks>
void dot_rows(const float* const* q, int64_t rows, const uint16_t* keys, int64_t head_dim, float* scores) {
  int64_t r = 0;
  for (; blocks == 1 && r + 8 <= rows; r += 8) {
    dot_blocks<8, 1>(q + r, keys, head_dim, scores + r * KvStore::kChunk);
  }
  for (; r + 2 <= rows; r += 2) {
    dot_blocks<2, blocks>(q + r, keys, head_dim, scores + r * KvStore::kChunk);
  }
  if (r < rows) {
    dot_blocks<1, blocks>(q + r, keys, head_dim, scores + r * KvStore::kChunk);
  }
}

void dot_keys(const float* const* q, int64_t rows, const uint16_t* keys, int64_t blocks, int64_t head_dim,
              float* scores) {
  int64_t b = 0;
  for (; rows < 8 && b + 4 <= blocks; b += 4) {
    dot_rows<4>(q, rows, keys + b * KvStore::kBlock * head_dim, head_dim, scores + b * KvStore::kBlock);
  }
  for (; b < blocks; ++b) {
    dot_rows<1>(q, rows, keys + b * KvStore::kBlock * head_dim, head_dim, scores + b * KvStore::kBlock);
  }
}

/** `rows` rows of p and `parts` vectors of each value. */
template <int rows, int parts>
void add_part(const float* p, const uint16_t* values, int64_t count, int64_t head_dim, float* acc) {
  Floats sum[rows][parts];
#pragma GCC unroll 4
  for (int r = 0; r < rows; ++r) {
#pragma GCC unroll 4
    for (int i = 0; i < parts; ++i) {
      sum[r][i] = load_floats(acc + r * head_dim + 16 * i);
    }
  }
  for (int64_t t = 0; t < count; ++t) {
#pragma GCC unroll 4
    for (int i = 0; i < parts; ++i) {
      const Floats v = load_bfloat16(values + t * head_dim + 16 * i);
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
      std::memcpy(acc + r * head_dim + 16 * i, &sum[r][i], sizeof sum[r][i]);
    }
  }
}

template <int rows>
void add_rows(const float* p, const uint16_t* values, int64_t count, int64_t head_dim, float* acc) {
  int64_t i = 0;
  for (; i + 64 <= head_dim; i += 64) {
    add_part<rows, 4>(p, values + i, count, head_dim, acc + i);
  }
  for (; i < head_dim; i += 16) {
    add_part<rows, 1>(p, values + i, count, head_dim, acc + i);
  }
}

void add_values(const float* p, int64_t rows, const uint16_t* values, int64_t count, int64_t head_dim, float* acc) {
  int64_t r = 0;
  for (; r + 4 <= rows; r += 4) {
    add_rows<4>(p + r * KvStore::kChunk, values, count, head_dim, acc + r * head_dim);
  }
  for (; r + 2 <= rows; r += 2) {
    add_rows<2>(p + r * KvStore::kChunk, values, count, head_dim, acc + r * head_dim);
  }
  for (; r < rows; ++r) {
    add_rows<1>(p + r * KvStore::kChunk, values, count, head_dim, acc + r * head_dim);
  }
}

}  // namespace
}  // namespace burin::kernels
