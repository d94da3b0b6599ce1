// What one instruction set provides for kv_store.h.
#pragma once

#include <cstdint>

namespace burin::kernels {

struct KvTable {
  /** scores[r * kChunk + t] = q[r] . key t for the first `blocks` blocks of a chunk. */
  void (*dot_keys)(const float* const* q, int64_t rows, const uint16_t* keys, int64_t blocks, int64_t head_dim,
                   float* scores);
  /** acc[r * head_dim + i] += sum over t < count of p[r * kChunk + t] * value t [i]. */
  void (*add_values)(const float* p, int64_t rows, const uint16_t* values, int64_t count, int64_t head_dim, float* acc);
};

const KvTable& kv_scalar();
const KvTable& kv_avx2();
const KvTable& kv_avx512();

}  // namespace burin::kernels
