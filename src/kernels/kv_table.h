// What one instruction set provides for kv_store.h.
#pragma once

#include <cstdint>

#include "kernels/kv_store.h"

namespace burin::kernels {

/** Over one head's part of a chunk whose elements are T. */
template <typename T>
struct KvFunctions {
  /** scores[r * kChunk + t] = q[r] . key t for the first `blocks` blocks. */
  void (*dot_keys)(const float* const* q, int64_t rows, const KvStore& store, const KvStore::View<T>& view,
                   int64_t blocks, float* scores);
  /** acc[r * head_dim + i] += sum over t < count of p[r * kChunk + t] * value t [i]. */
  void (*add_values)(const float* p, int64_t rows, const KvStore& store, const KvStore::View<T>& view, int64_t count,
                     float* acc);
};

struct KvTable {
  KvFunctions<uint16_t> bfloat16;
  KvFunctions<int8_t> int8;
};

const KvTable& kv_scalar();
const KvTable& kv_avx2();
const KvTable& kv_neon();
const KvTable& kv_avx512();
const KvTable& kv_avx512_bf16();

}  // namespace burin::kernels
