// The loops of KvTable on vectors of sixteen floats, in the compiler's own vector types: each instruction set includes
// them in a file of its own. Everything has internal linkage.
#pragma once

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
  const Words bits = __builtin_convertvector(half, Words) << 16;
  Floats values;
  std::memcpy(&values, &bits, sizeof values);
  return values;
}

inline Floats load_floats(const float* from) {
  Floats values;
  std::memcpy(&values, from, sizeof values);
  return values;
}

template <int rows>
void dot_block(const float* const* q, const uint16_t* keys, int64_t head_dim, float* scores) {
  Floats sum[rows] = {};
  for (int64_t d = 0; d < head_dim; ++d) {
    const Floats k = load_bfloat16(keys + d * KvStore::kBlock);
#pragma GCC unroll 8
    for (int r = 0; r < rows; ++r) {
      sum[r] += q[r][d] * k;
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < rows; ++r) {
    std::memcpy(scores + r * KvStore::kChunk, &sum[r], sizeof sum[r]);
  }
}

void dot_keys(const float* const* q, int64_t rows, const uint16_t* keys, int64_t blocks, int64_t head_dim,
              float* scores) {
  for (int64_t b = 0; b < blocks; ++b) {
    const uint16_t* const block = keys + b * KvStore::kBlock * head_dim;
    float* const to = scores + b * KvStore::kBlock;
    int64_t r = 0;
    for (; r + 8 <= rows; r += 8) {
      dot_block<8>(q + r, block, head_dim, to + r * KvStore::kChunk);
    }
    for (; r + 2 <= rows; r += 2) {
      dot_block<2>(q + r, block, head_dim, to + r * KvStore::kChunk);
    }
    if (r < rows) {
      dot_block<1>(q + r, block, head_dim, to + r * KvStore::kChunk);
    }
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
  for (; r < rows; ++r) {
    add_rows<1>(p + r * KvStore::kChunk, values, count, head_dim, acc + r * head_dim);
  }
}

}  // namespace
}  // namespace burin::kernels
