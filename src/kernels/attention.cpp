#include "kernels/attention.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "kernels/fused_table.h"
#include "kernels/thread_pool.h"

namespace burin::kernels {
namespace {

constexpr int64_t kKeyBlock = 64;  // K and V of a block stay in L1 for all rows of a task
constexpr int64_t kRowsPerTask = 48;
constexpr int64_t kMinKeysPerSplit = 256;
constexpr int64_t kMaxSplits = 16;
constexpr int64_t kGrainProducts = 32768;  // multiplications that are worth handing to another thread
constexpr float kNothing = -std::numeric_limits<float>::infinity();

struct Inputs {
  const AttentionShape& shape;
  const float* q;
  const float* k;
  const float* v;
  const float* mask;

  int64_t group() const { return shape.heads / shape.kv_heads; }
  /** Keys that query `l` may see. */
  int64_t visible(int64_t l) const {
    return shape.causal ? std::clamp<int64_t>(shape.keys - shape.queries + l + 1, 0, shape.keys) : shape.keys;
  }
};

/** Which rows and keys a task takes: the heads of one KV head, queries [l_begin, l_end), keys [s_begin, s_end). */
struct Task {
  int64_t b, kv_head, l_begin, l_end, s_begin, s_end;
};

/** Running softmax of the task's rows; row r is query l_begin + r / group of head kv_head * group + r % group. */
struct State {
  std::vector<float> acc, scores, top, sum;
  std::vector<const float*> q;

  void start(const Inputs& in, const Task& task) {
    const int64_t rows = (task.l_end - task.l_begin) * in.group();
    acc.assign(static_cast<size_t>(rows * in.shape.value_dim), 0.0F);
    scores.resize(static_cast<size_t>(rows * kKeyBlock));
    top.assign(static_cast<size_t>(rows), kNothing);
    sum.assign(static_cast<size_t>(rows), 0.0F);
    q.resize(static_cast<size_t>(rows));
    for (int64_t r = 0; r < rows; ++r) {
      const int64_t head = task.kv_head * in.group() + r % in.group();
      const int64_t l = task.l_begin + r / in.group();
      q[static_cast<size_t>(r)] =
          in.q + task.b * in.shape.q_stride[0] + head * in.shape.q_stride[1] + l * in.shape.q_stride[2];
    }
  }
};

void add_mask(const Inputs& in, const Task& task, int64_t row, int64_t s, int64_t count, float* scores) {
  const auto& stride = in.shape.mask_stride;
  const float* mask = in.mask + task.b * stride[0] + (task.kv_head * in.group() + row % in.group()) * stride[1] +
                      (task.l_begin + row / in.group()) * stride[2] + s * stride[3];
  for (int64_t j = 0; j < count; ++j) {
    scores[j] += mask[j * stride[3]];
  }
}

/** Turns a row's scores of one block into weights, and rescales what was summed before where the maximum grew. */
void update_row(const Inputs& in, const FusedTable& t, const Task& task, int64_t r, int64_t s, int64_t count,
                State& state) {
  float* scores = state.scores.data() + r * kKeyBlock;
  float& top = state.top[static_cast<size_t>(r)];
  float& sum = state.sum[static_cast<size_t>(r)];
  const int64_t seen = std::clamp<int64_t>(in.visible(task.l_begin + r / in.group()) - s, 0, count);
  if (in.mask != nullptr) {
    add_mask(in, task, r, s, seen, scores);
  }
  std::fill(scores + seen, scores + count, 0.0F);
  const float highest = t.largest(scores, seen);
  if (highest == kNothing) {  // no key seen, or all of them masked by -inf
    std::fill(scores, scores + seen, 0.0F);
    return;
  }
  if (highest > top) {
    const float shrink = std::exp(top - highest);
    t.multiply(state.acc.data() + r * in.shape.value_dim, in.shape.value_dim, shrink);
    sum *= shrink;
    top = highest;
  }
  sum += t.exponentials(scores, seen, top);
}

void run_task(const Inputs& in, const FusedTable& t, const Task& task, State& state) {
  const AttentionShape& shape = in.shape;
  state.start(in, task);
  const auto rows = static_cast<int64_t>(state.q.size());
  const float* k = in.k + task.b * shape.k_stride[0] + task.kv_head * shape.k_stride[1];
  const float* v = in.v + task.b * shape.v_stride[0] + task.kv_head * shape.v_stride[1];
  const int64_t end = std::min(task.s_end, in.visible(task.l_end - 1));
  for (int64_t s = task.s_begin; s < end; s += kKeyBlock) {
    const int64_t count = std::min(kKeyBlock, end - s);
    const FloatRows keys{k + s * shape.k_stride[2], shape.k_stride[2], count, shape.head_dim};
    t.dot_keys(state.q.data(), rows, keys, shape.scale, state.scores.data(), kKeyBlock);
    for (int64_t r = 0; r < rows; ++r) {
      update_row(in, t, task, r, s, count, state);
    }
    const FloatRows values{v + s * shape.v_stride[2], shape.v_stride[2], count, shape.value_dim};
    t.add_values(state.scores.data(), kKeyBlock, rows, values, state.acc.data());
  }
}

float* output_row(const Inputs& in, const Task& task, int64_t r, float* out) {
  const auto& stride = in.shape.out_stride;
  return out + task.b * stride[0] + (task.kv_head * in.group() + r % in.group()) * stride[1] +
         (task.l_begin + r / in.group()) * stride[2];
}

void write(const Inputs& in, const Task& task, const State& state, float* out) {
  const int64_t d = in.shape.value_dim;
  for (size_t r = 0; r < state.sum.size(); ++r) {
    float* to = output_row(in, task, static_cast<int64_t>(r), out);
    const float inverse = 1.0F / state.sum[r];
    for (int64_t i = 0; i < d; ++i) {
      to[i] = state.acc[r * static_cast<size_t>(d) + static_cast<size_t>(i)] * inverse;
    }
  }
}

/** Adds the states of later key ranges to the first one's. */
void merge(State& into, const State& from, int64_t d) {
  for (size_t r = 0; r < into.sum.size(); ++r) {
    if (from.top[r] == kNothing) {
      continue;
    }
    const float top = std::max(into.top[r], from.top[r]);
    const float keep = std::exp(into.top[r] - top);
    const float add = std::exp(from.top[r] - top);
    for (size_t i = r * static_cast<size_t>(d); i < (r + 1) * static_cast<size_t>(d); ++i) {
      into.acc[i] = into.acc[i] * keep + from.acc[i] * add;
    }
    into.sum[r] = into.sum[r] * keep + from.sum[r] * add;
    into.top[r] = top;
  }
}

/** One query a head: with few heads the keys are split too, and the parts merged. */
void decode(const Inputs& in, const FusedTable& t, int64_t splits, float* out) {
  const AttentionShape& shape = in.shape;
  thread_local std::vector<State> kept;
  const int64_t units = shape.batch * shape.kv_heads;
  if (kept.size() < static_cast<size_t>(units * splits)) {
    kept.resize(static_cast<size_t>(units * splits));
  }
  State* const states = kept.data();
  const int64_t step = (shape.keys + splits - 1) / splits;
  const auto task_of = [&](int64_t i) {
    const int64_t unit = i / splits;
    const int64_t s = i % splits * step;
    return Task{unit / shape.kv_heads, unit % shape.kv_heads, 0, 1, s, std::min(s + step, shape.keys)};
  };
  const int64_t grain = kGrainProducts / std::max<int64_t>(1, step * in.group() * (shape.head_dim + shape.value_dim));
  pool().parallel_for(units * splits, grain + 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      run_task(in, t, task_of(i), states[i]);
    }
  });
  for (int64_t i = 0; i < units * splits; i += splits) {
    for (int64_t part = 1; part < splits; ++part) {
      merge(states[i], states[i + part], shape.value_dim);
    }
    write(in, task_of(i), states[i], out);
  }
}

void prefill(const Inputs& in, const FusedTable& t, float* out) {
  const AttentionShape& shape = in.shape;
  const int64_t step = std::max<int64_t>(1, kRowsPerTask / in.group());
  const int64_t blocks = (shape.queries + step - 1) / step;
  const int64_t products = step * in.group() * shape.keys * (shape.head_dim + shape.value_dim);
  pool().parallel_for(
      shape.batch * shape.kv_heads * blocks, kGrainProducts / std::max<int64_t>(1, products) + 1,
      [&](int64_t begin, int64_t end) {
        thread_local State state;
        for (int64_t i = begin; i < end; ++i) {
          const int64_t unit = i / blocks;
          const int64_t l = i % blocks * step;
          const Task task{
              unit / shape.kv_heads, unit % shape.kv_heads, l, std::min(l + step, shape.queries), 0, shape.keys};
          run_task(in, t, task, state);
          write(in, task, state, out);
        }
      });
}

}  // namespace

void attention(const AttentionShape& shape, const float* q, const float* k, const float* v, const float* mask,
               float* out) {
  const Inputs in{shape, q, k, v, mask};
  const FusedTable& t = fused_table();
  if (shape.queries == 1) {
    // Not by the number of threads: results must not depend on it.
    decode(in, t, std::clamp<int64_t>(shape.keys / kMinKeysPerSplit, 1, kMaxSplits), out);
  } else if (shape.queries > 1) {
    prefill(in, t, out);
  }
}

}  // namespace burin::kernels
