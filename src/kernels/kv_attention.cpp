#include "kernels/kv_attention.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/isa_table.h"

namespace burin::kernels {
namespace {

constexpr float kNothing = -std::numeric_limits<float>::infinity();

const KvTable& table() {
  return kernels_in_use().kv();
}

/** Tokens of a chunk that a row sees: [begin, end), none where begin >= end. */
struct Seen {
  int64_t begin, end;
};

/** The first token that row `r` sees. */
int64_t first_seen(const KvQueries& queries, int64_t r) {
  return queries.window == 0 ? 0 : std::max<int64_t>(0, queries.visible[r] - queries.window);
}

/** Running softmax of some rows. */
struct State {
  std::vector<float> acc, scores, top, sum;

  void start(const KvQueries& queries, int64_t head_dim) {
    const auto rows = static_cast<size_t>(queries.rows);
    acc.assign(rows * static_cast<size_t>(head_dim), 0.0F);
    scores.resize(rows * static_cast<size_t>(KvStore::kChunk));
    if (queries.sinks == nullptr) {
      top.assign(rows, kNothing);
      sum.assign(rows, 0.0F);
    } else {
      top.assign(queries.sinks, queries.sinks + rows);
      sum.assign(rows, 1.0F);
    }
  }

  /** Turns a row's scores of one chunk into weights. */
  void weigh(const FusedTable& t, int64_t r, const Seen& seen, int64_t head_dim, float softcap) {
    float* const row = scores.data() + r * KvStore::kChunk;
    if (seen.begin >= seen.end) {
      std::fill(row, row + KvStore::kChunk, 0.0F);
      return;
    }
    std::fill(row, row + seen.begin, 0.0F);
    std::fill(row + seen.end, row + KvStore::kChunk, 0.0F);
    const int64_t count = seen.end - seen.begin;
    if (softcap != 0.0F) {
      t.softcap(row + seen.begin, count, softcap);
    }
    float& highest = top[static_cast<size_t>(r)];
    const float largest = t.largest(row + seen.begin, count);
    if (largest > highest) {
      const float shrink = std::exp(highest - largest);
      t.multiply(acc.data() + r * head_dim, head_dim, shrink);
      sum[static_cast<size_t>(r)] *= shrink;
      highest = largest;
    }
    sum[static_cast<size_t>(r)] += t.exponentials(row + seen.begin, count, highest);
  }
};

/** Softmax attention over elements of type T. */
template <typename T>
void attend(const KvFunctions<T>& functions, const KvStore& store, const KvQueries& queries, State& state) {
  const FusedTable& f = fused_table();
  const int64_t d = store.head_dim();
  const int64_t end = *std::max_element(queries.visible, queries.visible + queries.rows);
  int64_t first = end;
  for (int64_t r = 0; r < queries.rows; ++r) {
    first = std::min(first, first_seen(queries, r));
  }
  for (int64_t begin = first / KvStore::kChunk * KvStore::kChunk; begin < end; begin += KvStore::kChunk) {
    const auto view = store.view<T>(begin / KvStore::kChunk, queries.kv_head);
    const int64_t count = std::min(KvStore::kChunk, end - begin);
    const int64_t blocks = (count + KvStore::kBlock - 1) / KvStore::kBlock;
    functions.dot_keys(queries.q, queries.rows, store, view, blocks, state.scores.data());
    for (int64_t r = 0; r < queries.rows; ++r) {
      const Seen seen{std::max<int64_t>(0, first_seen(queries, r) - begin),
                      std::min(count, queries.visible[r] - begin)};
      state.weigh(f, r, seen, d, queries.softcap);
    }
    functions.add_values(state.scores.data(), queries.rows, store, view, count, state.acc.data());
  }
}

}  // namespace

void kv_attention(const KvStore& store, const KvQueries& queries) {
  const int64_t d = store.head_dim();
  thread_local State state;
  state.start(queries, d);
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
