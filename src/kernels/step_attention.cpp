#include <algorithm>
#include <cmath>

#include "kernels/fused_table.h"
#include "kernels/kv_attention.h"
#include "kernels/step_pass.h"
#include "kernels/thread_pool.h"

namespace burin::kernels {
namespace {

constexpr int64_t kQueryRows = 32;  // that share a pass over the keys

/** Where the heads of a projected row lie. */
struct Places {
  explicit Places(const StepAttention& a)
      : d(a.head_dim),
        group(a.heads / a.kv_heads),
        width((a.heads + 2 * a.kv_heads) * d),
        grouped(a.grouped),
        keys(a.heads),
        values(a.heads + a.kv_heads) {}

  int64_t q(int64_t head) const { return (grouped ? head / group * (group + 2) + head % group : head) * d; }
  int64_t k(int64_t head) const { return (grouped ? head * (group + 2) + group : keys + head) * d; }
  int64_t v(int64_t head) const { return (grouped ? head * (group + 2) + group + 1 : values + head) * d; }

  int64_t d, group, width;

 private:
  bool grouped;
  int64_t keys, values;
};

bool rotate_alike(const StepRope& a, const StepRope& b) {
  return a.dims == b.dims && a.frequencies == b.frequencies && a.trained_length == b.trained_length &&
         a.theta == b.theta && a.factor == b.factor;
}

/** For `length` tokens, those of this call among them. Source: mlx-lm 0.32.2 models/rope_utils.py. */
std::vector<float> dynamic_frequencies(const StepRope& rope, int64_t length) {
  const auto dims = static_cast<double>(rope.dims);
  const auto trained = static_cast<double>(rope.trained_length);
  const double growth = rope.factor * std::max(static_cast<double>(length), trained) / trained - (rope.factor - 1.0);
  const double theta = rope.theta * std::pow(growth, dims / (dims - 2.0));
  std::vector<float> frequencies;
  for (int64_t j = 0; j < rope.dims / 2; ++j) {
    frequencies.push_back(static_cast<float>(std::pow(theta, -2.0 * static_cast<double>(j) / dims)));
  }
  return frequencies;
}

/** Source: mlx-lm 0.32.2 models/ministral3.py. */
float query_scale(const StepAttention& a, int64_t position) {
  if (a.temperature_beta == 0.0F) {
    return a.scale;
  }
  const float steps = std::floor(static_cast<float>(position) / static_cast<float>(a.temperature_length));
  return a.scale * (1.0F + a.temperature_beta * std::log(1.0F + steps));
}

}  // namespace

void StepPass::project_qkv(const StepAttention& a) {
  const int64_t width = Places(a).width;
  float* const qkv = room(s_.qkv, rows_ * width);
  int64_t panels = 0;
  for (const StepLinear& linear : a.qkv) {
    panels += linear.weight.panels();
  }
  pool().parallel_for(panels, grain(a.qkv.front().weight), [&](int64_t begin, int64_t end) {
    int64_t before = 0;
    float* y = qkv;
    for (const StepLinear& linear : a.qkv) {
      const int64_t from = std::max<int64_t>(begin - before, 0);
      const int64_t to = std::min(end - before, linear.weight.panels());
      if (from < to) {
        multiply(linear, from, to, {y + from * kPanelHeight, width});
      }
      before += linear.weight.panels();
      y += linear.weight.rows;
    }
  });
}

void StepPass::prepare_rotation(const StepRope& rope) {
  if (rope.dims == 0 || (prepared_ != nullptr && rotate_alike(*prepared_, rope))) {
    return;
  }
  prepared_ = &rope;
  const int64_t half = rope.dims / 2;
  float* const cosines = room(s_.cosines, rows_ * half);
  float* const sines = room(s_.sines, rows_ * half);
  std::vector<float> grown;
  for (const StepSlice& slice : slices_) {
    const float* frequencies = rope.frequencies;
    if (rope.trained_length != 0) {
      grown = dynamic_frequencies(rope, slice.sequence->position + slice.sequence->count);
      frequencies = grown.data();
    }
    for (int64_t i = 0; i < slice.count; ++i) {
      const auto position = static_cast<float>(slice.position + i);
      for (int64_t j = 0; j < half; ++j) {
        cosines[(slice.first_row + i) * half + j] = std::cos(position * frequencies[j]);
        sines[(slice.first_row + i) * half + j] = std::sin(position * frequencies[j]);
      }
    }
  }
}

void StepPass::rotate(const StepRope& rope, int64_t row, float* x) const {
  const int64_t half = rope.dims / 2;
  const float* const cosines = s_.cosines.data() + row * half;
  const float* const sines = s_.sines.data() + row * half;
  if (rope.input_scale != 1.0F) {
    fused_table().multiply(x, rope.dims, rope.input_scale);
  }
  if (!rope.traditional) {
    return fused_table().rotate_halves(x, cosines, sines, half, x);
  }
  for (int64_t i = 0; i < half; ++i) {
    const float a = x[2 * i];
    const float b = x[2 * i + 1];
    x[2 * i] = a * cosines[i] - b * sines[i];
    x[2 * i + 1] = a * sines[i] + b * cosines[i];
  }
}

template <typename At>
void StepPass::place(const StepAttention& a, const StepHeadNorm& norm, int64_t row, int64_t heads, At at) const {
  const auto normalise = [&] {
    if (norm.whole) {  // heads lie side by side
      return norm_row(norm.norm, at(0), heads * a.head_dim, at(0));
    }
    StepNorm one = norm.norm;
    for (int64_t head = 0; head < heads && one.kind != StepNormKind::None; ++head) {
      norm_row(one, at(head), a.head_dim, at(head));
      one.weight += norm.stride;
    }
  };
  if (!a.norm_after_rope) {
    normalise();
  }
  for (int64_t head = 0; head < heads && a.rope.dims > 0; ++head) {
    rotate(a.rope, row, at(head));
  }
  if (a.norm_after_rope) {
    normalise();
  }
}

void StepPass::place_and_store(const StepAttention& a, KvStore& store, const StepSlice& slice, int64_t index) const {
  const Places places(a);
  const int64_t row = slice.first_row + index;
  float* const qkv = s_.qkv.data() + row * places.width;
  place(a, a.q_norm, row, a.heads, [&](int64_t head) { return qkv + places.q(head); });
  place(a, a.k_norm, row, a.kv_heads, [&](int64_t head) { return qkv + places.k(head); });
  const float scale = query_scale(a, slice.position + index);
  for (int64_t head = 0; head < a.heads && scale != 1.0F; ++head) {
    fused_table().multiply(qkv + places.q(head), a.head_dim, scale);
  }
  for (int64_t head = 0; head < a.kv_heads; ++head) {
    store.write(slice.position + index, head, qkv + places.k(head), qkv + places.v(head));
  }
}

void StepPass::rotate_and_store(const StepAttention& a, size_t layer) {
  prepare_rotation(a.rope);
  const int64_t grain = std::max<int64_t>(1, kGrainValues / Places(a).width);
  for (const StepSlice& slice : slices_) {
    KvStore& store = *slice.sequence->layers[layer];
    const int64_t oldest = slice.position + 1 - a.window - kKeptBehindWindow;
    store.hold(a.window == 0 ? 0 : std::max<int64_t>(0, oldest), slice.position + slice.count);
    pool().parallel_for(slice.count, grain, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        place_and_store(a, store, slice, i);
      }
    });
  }
}

void StepPass::attend(const StepAttention& a, size_t layer) {
  room(s_.mixed, rows_ * a.heads * a.head_dim);
  const int64_t group = a.heads / a.kv_heads;
  const int64_t step = std::max<int64_t>(1, kQueryRows / group);
  std::vector<std::pair<const StepSlice*, int64_t>> tasks;  // and its first query
  for (const StepSlice& slice : slices_) {
    for (int64_t first = 0; first < slice.count; first += step) {
      tasks.emplace_back(&slice, first);
    }
  }
  const auto count = static_cast<int64_t>(tasks.size()) * a.kv_heads;
  const int64_t all = slices_.front().position + slices_.front().count;
  const int64_t seen = a.window == 0 ? all : std::min(all, a.window);
  const int64_t grain = kGrainValues / (seen * a.head_dim * std::min(step, rows_) * group);
  pool().parallel_for(count, std::max<int64_t>(1, grain), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      // The last queries see most: they go first.
      const auto& [slice, first] = tasks[tasks.size() - 1 - static_cast<size_t>(i / a.kv_heads)];
      attend_rows(a, *slice->sequence->layers[layer], *slice, first, std::min(step, slice->count - first),
                  i % a.kv_heads);
    }
  });
}

void StepPass::attend_rows(const StepAttention& a, const KvStore& store, const StepSlice& slice, int64_t first,
                           int64_t count, int64_t kv_head) const {
  const Places places(a);
  std::vector<const float*> q;
  std::vector<float*> out;
  std::vector<int64_t> visible;
  std::vector<float> sinks;
  for (int64_t i = first; i < first + count; ++i) {
    const int64_t row = slice.first_row + i;
    for (int64_t head = kv_head * places.group; head < (kv_head + 1) * places.group; ++head) {
      q.push_back(s_.qkv.data() + row * places.width + places.q(head));
      out.push_back(s_.mixed.data() + (row * a.heads + head) * a.head_dim);
      visible.push_back(slice.position + i + 1);
      if (a.sinks != nullptr) {
        sinks.push_back(a.sinks[head]);
      }
    }
  }
  kv_attention(store, {.kv_head = kv_head,
                       .rows = static_cast<int64_t>(q.size()),
                       .q = q.data(),
                       .out = out.data(),
                       .visible = visible.data(),
                       .window = a.window,
                       .softcap = a.softcap,
                       .sinks = a.sinks != nullptr ? sinks.data() : nullptr});
}

}  // namespace burin::kernels
