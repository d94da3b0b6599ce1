// Softmax attention in float32 by blocks of keys: no score matrix, each key and value read once for all heads of a
// group.
#pragma once

#include <cstdint>

namespace burin::kernels {

/** Strides are in elements; the last axis of q, k and v is dense. */
struct AttentionShape {
  int64_t batch, heads, kv_heads, queries, keys, head_dim, value_dim;
  int64_t q_stride[3];  // batch, head, query
  int64_t k_stride[3];  // batch, head, key
  int64_t v_stride[3];
  int64_t out_stride[3];   // batch, head, query
  int64_t mask_stride[4];  // batch, head, query, key; 0 where broadcast
  float scale;
  bool causal;  // query i sees the keys up to keys - queries + i
};

/** softmax(scale * q k^T + mask) v; `mask` may be null. Shapes: q (B, H, L, D), k (B, K, S, D), v (B, K, S, Dv). */
void attention(const AttentionShape& shape, const float* q, const float* k, const float* v, const float* mask,
               float* out);

}  // namespace burin::kernels
