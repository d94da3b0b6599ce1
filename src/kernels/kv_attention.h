// Softmax attention over a KvStore: windows, capped scores and sinks.
#pragma once

#include "kernels/kv_store.h"

namespace burin::kernels {

/** Query rows that look at one KV head; row r sees the tokens before `visible[r]`, or the last `window` of them. */
struct KvQueries {
  int64_t kv_head;
  int64_t rows;
  const float* const* q;         // (head_dim) each, multiplied by the scale
  float* const* out;             // (head_dim) each
  const int64_t* visible;        // at least 1
  int64_t window = 0;            // 0: all
  float softcap = 0.0F;          // 0: none; else scores become softcap * tanh(score / softcap)
  const float* sinks = nullptr;  // (rows): a further score, that takes its weight and adds nothing
};

/** out[r] = softmax(q[r] k^T) v. On the caller's thread. */
void kv_attention(const KvStore& store, const KvQueries& queries);

}  // namespace burin::kernels
