#include "kernels/kv_store.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/fused_table.h"
#include "kernels/half.h"
#include "kernels/isa.h"
#include "kernels/kv_table.h"

namespace burin::kernels {
namespace {

constexpr float kNothing = -std::numeric_limits<float>::infinity();

const KvTable& table() {
#if defined(BURIN_KERNELS_X86)
  if (isa() == Isa::Avx512) {
    return kv_avx512();
  }
  if (isa() == Isa::Avx2) {
    return kv_avx2();
  }
#endif
  return kv_scalar();
}

/** Running softmax of some rows. */
struct State {
  std::vector<float> acc, scores, top, sum;

  void start(int64_t rows, int64_t head_dim) {
    acc.assign(static_cast<size_t>(rows * head_dim), 0.0F);
    scores.resize(static_cast<size_t>(rows * KvStore::kChunk));
    top.assign(static_cast<size_t>(rows), kNothing);
    sum.assign(static_cast<size_t>(rows), 0.0F);
  }

  /** Turns a row's scores of one chunk into weights; `seen` of them count. */
  void weigh(const FusedTable& t, int64_t r, int64_t seen, int64_t head_dim) {
    float* const row = scores.data() + r * KvStore::kChunk;
    std::fill(row + std::max<int64_t>(seen, 0), row + KvStore::kChunk, 0.0F);
    if (seen <= 0) {
      return;
    }
    float& highest = top[static_cast<size_t>(r)];
    const float largest = t.largest(row, seen);
    if (largest > highest) {
      const float shrink = std::exp(highest - largest);
      t.multiply(acc.data() + r * head_dim, head_dim, shrink);
      sum[static_cast<size_t>(r)] *= shrink;
      highest = largest;
    }
    sum[static_cast<size_t>(r)] += t.exponentials(row, seen, highest);
  }
};

}  // namespace

void KvStore::reserve(int64_t count) {
  while (static_cast<int64_t>(chunks_.size()) * kChunk < count) {
    chunks_.push_back(std::make_unique<uint16_t[]>(static_cast<size_t>(kv_heads_ * 2 * kChunk * head_dim_)));
  }
}

int64_t KvStore::nbytes() const {
  return static_cast<int64_t>(chunks_.size()) * kv_heads_ * 2 * kChunk * head_dim_ * 2;
}

void KvStore::write(int64_t token, int64_t kv_head, const float* key, const float* value) {
  uint16_t* const chunk = at(token / kChunk, kv_head);
  const int64_t t = token % kChunk;
  uint16_t* const keys = chunk + t / kBlock * kBlock * head_dim_ + t % kBlock;
  uint16_t* const values = chunk + kChunk * head_dim_ + t * head_dim_;
  for (int64_t d = 0; d < head_dim_; ++d) {
    keys[d * kBlock] = float_to_bfloat16(key[d]);
    values[d] = float_to_bfloat16(value[d]);
  }
}

void KvStore::read(int64_t token, int64_t kv_head, float* key, float* value) const {
  const uint16_t* const chunk = at(token / kChunk, kv_head);
  const int64_t t = token % kChunk;
  for (int64_t d = 0; d < head_dim_; ++d) {
    key[d] = bfloat16_to_float(chunk[t / kBlock * kBlock * head_dim_ + t % kBlock + d * kBlock]);
    value[d] = bfloat16_to_float(chunk[kChunk * head_dim_ + t * head_dim_ + d]);
  }
}

void kv_attention(const KvStore& store, const KvQueries& queries) {
  const KvTable& t = table();
  const FusedTable& f = fused_table();
  const int64_t d = store.head_dim();
  thread_local State state;
  state.start(queries.rows, d);
  const int64_t end = *std::max_element(queries.visible, queries.visible + queries.rows);
  for (int64_t begin = 0; begin < end; begin += KvStore::kChunk) {
    const int64_t chunk = begin / KvStore::kChunk;
    const int64_t count = std::min(KvStore::kChunk, end - begin);
    const int64_t blocks = (count + KvStore::kBlock - 1) / KvStore::kBlock;
    t.dot_keys(queries.q, queries.rows, store.keys(chunk, queries.kv_head), blocks, d, state.scores.data());
    for (int64_t r = 0; r < queries.rows; ++r) {
      state.weigh(f, r, std::min(count, queries.visible[r] - begin), d);
    }
    t.add_values(state.scores.data(), queries.rows, store.values(chunk, queries.kv_head), count, d, state.acc.data());
  }
  for (int64_t r = 0; r < queries.rows; ++r) {
    const float inverse = 1.0F / state.sum[static_cast<size_t>(r)];
    for (int64_t i = 0; i < d; ++i) {
      queries.out[r][i] = state.acc[static_cast<size_t>(r * d + i)] * inverse;
    }
  }
}

}  // namespace burin::kernels
