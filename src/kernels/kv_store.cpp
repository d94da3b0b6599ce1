#include "kernels/kv_store.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/fused_table.h"
#include "kernels/half.h"
#include "kernels/isa_table.h"
#include "kernels/kv_table.h"

namespace burin::kernels {
namespace {

constexpr float kNothing = -std::numeric_limits<float>::infinity();

const KvTable& table() {
  return kernels_in_use().kv();
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

/** `count` numbers as int8, `stride` apart; returns what one step is worth: NaN where some number is none. */
float round_group(const float* from, int64_t count, int8_t* to, int64_t stride) {
  float largest = 0.0F;
  float rest = 0.0F;  // zero, or NaN
  for (int64_t i = 0; i < count; ++i) {
    largest = std::max(largest, std::abs(from[i]));
    rest += 0.0F * from[i];
  }
  if (std::isnan(rest)) {
    for (int64_t i = 0; i < count; ++i) {
      to[i * stride] = 0;
    }
    return rest;
  }
  const float inverse = largest > 0.0F ? 127.0F / largest : 0.0F;
  for (int64_t i = 0; i < count; ++i) {
    to[i * stride] = static_cast<int8_t>(std::lrint(from[i] * inverse));
  }
  return largest / 127.0F;
}

/** Softmax attention over elements of type T. */
template <typename T>
void attend(const KvFunctions<T>& functions, const KvStore& store, const KvQueries& queries, State& state) {
  const FusedTable& f = fused_table();
  const int64_t d = store.head_dim();
  const int64_t end = *std::max_element(queries.visible, queries.visible + queries.rows);
  for (int64_t begin = 0; begin < end; begin += KvStore::kChunk) {
    const auto view = store.view<T>(begin / KvStore::kChunk, queries.kv_head);
    const int64_t count = std::min(KvStore::kChunk, end - begin);
    const int64_t blocks = (count + KvStore::kBlock - 1) / KvStore::kBlock;
    functions.dot_keys(queries.q, queries.rows, store, view, blocks, state.scores.data());
    for (int64_t r = 0; r < queries.rows; ++r) {
      state.weigh(f, r, std::min(count, queries.visible[r] - begin), d);
    }
    functions.add_values(state.scores.data(), queries.rows, store, view, count, state.acc.data());
  }
}

}  // namespace

void KvStore::reserve(int64_t count) {
  while (static_cast<int64_t>(chunks_.size()) * kChunk < count) {
    chunks_.push_back(std::make_unique<std::byte[]>(static_cast<size_t>(kv_heads_ * head_bytes())));
  }
}

void KvStore::write(int64_t token, int64_t kv_head, const float* key, const float* value) {
  const int64_t t = token % kChunk;
  const int64_t in_keys = t / kBlock * kBlock * head_dim_ + t % kBlock;
  if (group_ == 0) {
    const auto to = view<uint16_t>(token / kChunk, kv_head);
    for (int64_t d = 0; d < head_dim_; ++d) {
      to.keys[in_keys + d * kBlock] = float_to_bfloat16(key[d]);
      to.values[t * head_dim_ + d] = float_to_bfloat16(value[d]);
    }
    return;
  }
  const auto to = view<int8_t>(token / kChunk, kv_head);
  for (int64_t g = 0; g < groups(); ++g) {
    const int64_t d = g * group_;
    to.key_scales[g * kChunk + t] = round_group(key + d, group_, to.keys + in_keys + d * kBlock, kBlock);
    to.value_scales[t * groups() + g] = round_group(value + d, group_, to.values + t * head_dim_ + d, 1);
  }
}

void KvStore::read(int64_t token, int64_t kv_head, float* key, float* value) const {
  const int64_t t = token % kChunk;
  const int64_t in_keys = t / kBlock * kBlock * head_dim_ + t % kBlock;
  if (group_ == 0) {
    const auto from = view<uint16_t>(token / kChunk, kv_head);
    for (int64_t d = 0; d < head_dim_; ++d) {
      key[d] = bfloat16_to_float(from.keys[in_keys + d * kBlock]);
      value[d] = bfloat16_to_float(from.values[t * head_dim_ + d]);
    }
    return;
  }
  const auto from = view<int8_t>(token / kChunk, kv_head);
  for (int64_t d = 0; d < head_dim_; ++d) {
    const int64_t g = d / group_;
    key[d] = from.key_scales[g * kChunk + t] * static_cast<float>(from.keys[in_keys + d * kBlock]);
    value[d] = from.value_scales[t * groups() + g] * static_cast<float>(from.values[t * head_dim_ + d]);
  }
}

void kv_attention(const KvStore& store, const KvQueries& queries) {
  const int64_t d = store.head_dim();
  thread_local State state;
  state.start(queries.rows, d);
  if (store.group() == 0) {
    attend(table().bfloat16, store, queries, state);
  } else {
    attend(table().int8, store, queries, state);
  }
  for (int64_t r = 0; r < queries.rows; ++r) {
    const float inverse = 1.0F / state.sum[static_cast<size_t>(r)];
    for (int64_t i = 0; i < d; ++i) {
      queries.out[r][i] = state.acc[static_cast<size_t>(r * d + i)] * inverse;
    }
  }
}

}  // namespace burin::kernels
