#include "kernels/decoder_step.h"

#include <algorithm>
#include <cmath>

#include "kernels/fused_table.h"
#include "kernels/thread_pool.h"

namespace burin::kernels {
namespace {

constexpr int64_t kMaxRows = 128;           // of one pass: what lies between two matmuls stays small
constexpr int64_t kGrainBytes = 16 << 10;   // weights, times rows, that are worth handing to another thread
constexpr int64_t kGrainValues = 16 << 10;  // elements that are
constexpr int64_t kQueryRows = 32;          // that share a pass over the keys

/** Rows of one pass that belong to one sequence. */
struct Slice {
  const StepSequence* sequence;
  int64_t first_row;  // of the pass
  int64_t position;
  int64_t count;
};

/** What lies between the matmuls of one pass. Kept between calls. */
struct Scratch {
  RoundedRows rounded;
  std::vector<float> normed, qkv, mixed, branch, activated, cosines, sines;
};

float* room(std::vector<float>& buffer, int64_t size) {
  if (buffer.size() < static_cast<size_t>(size)) {
    buffer.resize(static_cast<size_t>(size));
  }
  return buffer.data();
}

class Pass {
 public:
  Pass(const StepPlan& plan, std::vector<Slice> slices, float* h, Scratch& scratch)
      : plan_(plan), slices_(std::move(slices)), h_(h), s_(scratch) {
    rows_ = slices_.back().first_row + slices_.back().count;
  }

  void run() {
    for (size_t i = 0; i < plan_.layers.size(); ++i) {
      const StepLayer& layer = plan_.layers[i];
      normalise_and_round(layer.before_attention, layer.qkv.front().weight.group_size);
      project_qkv(layer);
      rotate_and_store(layer, i);
      attend(layer, i);
      round(s_.mixed.data(), layer.heads * layer.head_dim, layer.o.weight.group_size);
      add_branch(layer, layer.o, layer.after_attention);
      normalise_and_round(layer.before_ffn, layer.gate.weight.group_size);
      gate_and_up(layer);
      round(s_.activated.data(), layer.intermediate, layer.down.weight.group_size);
      add_branch(layer, layer.down, layer.after_ffn);
    }
  }

 private:
  int64_t tiles() const { return (rows_ + kTileRows - 1) / kTileRows; }

  void normalise_and_round(const StepNorm& norm, int group_size) {
    const int64_t d = plan_.hidden;
    float* const normed = room(s_.normed, rows_ * d);
    s_.rounded.resize(rows_, d, group_size);
    pool().parallel_for(tiles(), std::max<int64_t>(1, kGrainValues / (d * kTileRows)), [&](int64_t begin, int64_t end) {
      for (int64_t m = begin * kTileRows; m < std::min(end * kTileRows, rows_); ++m) {
        fused_table().rms_norm_row(h_ + m * d, norm.weight, d, norm.eps, normed + m * d);
      }
      round_tiles(normed, begin, end);
    });
  }

  void round(const float* x, int64_t columns, int group_size) {
    s_.rounded.resize(rows_, columns, group_size);
    pool().parallel_for(tiles(), std::max<int64_t>(1, kGrainValues / (columns * kTileRows)),
                        [&](int64_t begin, int64_t end) { round_tiles(x, begin, end); });
  }

  void round_tiles(const float* x, int64_t begin, int64_t end) {
    for (int64_t tile = begin; tile < end; ++tile) {
      s_.rounded.round_tile(x, tile * kTileRows, {});
    }
  }

  int64_t grain(const PackedMatrix& w) const { return std::max<int64_t>(1, kGrainBytes / (w.panel_bytes() * rows_)); }

  /** Panels [begin, end) of `linear`. */
  void multiply(const StepLinear& linear, int64_t begin, int64_t end, const PackedOutput& out) const {
    packed_panels(linear.weight, s_.rounded, begin, end, out);
    const int64_t first = begin * kPanelHeight;
    const int64_t count = std::min(end * kPanelHeight, linear.weight.rows) - first;
    for (int64_t m = 0; linear.bias != nullptr && m < rows_; ++m) {
      for (int64_t r = 0; r < count; ++r) {
        out.y[m * out.ldy + r] += linear.bias[first + r];
      }
    }
  }

  void project_qkv(const StepLayer& layer) {
    const int64_t width = (layer.heads + 2 * layer.kv_heads) * layer.head_dim;
    float* const qkv = room(s_.qkv, rows_ * width);
    int64_t panels = 0;
    for (const StepLinear& linear : layer.qkv) {
      panels += linear.weight.panels();
    }
    pool().parallel_for(panels, grain(layer.qkv.front().weight), [&](int64_t begin, int64_t end) {
      int64_t before = 0;
      float* y = qkv;
      for (const StepLinear& linear : layer.qkv) {
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

  void rotate(const StepRope& rope, int64_t row, float* x) const {
    if (rope.dims == 0) {
      return;
    }
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

  /** Cosines and sines of every row, once for layers that rotate alike. */
  void prepare_rotation(const StepRope& rope) {
    if (rope.dims == 0 || (prepared_ != nullptr && prepared_->frequencies == rope.frequencies)) {
      return;
    }
    prepared_ = &rope;
    const int64_t half = rope.dims / 2;
    float* const cosines = room(s_.cosines, rows_ * half);
    float* const sines = room(s_.sines, rows_ * half);
    for (const Slice& slice : slices_) {
      for (int64_t i = 0; i < slice.count; ++i) {
        const auto position = static_cast<float>(slice.position + i);
        for (int64_t j = 0; j < half; ++j) {
          cosines[(slice.first_row + i) * half + j] = std::cos(position * rope.frequencies[j]);
          sines[(slice.first_row + i) * half + j] = std::sin(position * rope.frequencies[j]);
        }
      }
    }
  }

  void place(const StepLayer& layer, const StepNorm& norm, int64_t row, float scale, float* x) const {
    if (norm.weight != nullptr) {
      fused_table().rms_norm_row(x, norm.weight, layer.head_dim, norm.eps, x);
    }
    rotate(layer.rope, row, x);
    if (scale != 1.0F) {
      fused_table().multiply(x, layer.head_dim, scale);
    }
  }

  void rotate_and_store(const StepLayer& layer, size_t index) {
    prepare_rotation(layer.rope);
    const int64_t d = layer.head_dim;
    const int64_t width = (layer.heads + 2 * layer.kv_heads) * d;
    for (const Slice& slice : slices_) {
      KvStore& store = *slice.sequence->layers[index];
      store.reserve(slice.position + slice.count);
      pool().parallel_for(slice.count, std::max<int64_t>(1, kGrainValues / width), [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
          const int64_t row = slice.first_row + i;
          float* const q = s_.qkv.data() + row * width;
          float* const k = q + layer.heads * d;
          for (int64_t head = 0; head < layer.heads; ++head) {
            place(layer, layer.q_norm, row, layer.scale, q + head * d);
          }
          for (int64_t head = 0; head < layer.kv_heads; ++head) {
            place(layer, layer.k_norm, row, 1.0F, k + head * d);
            store.write(slice.position + i, head, k + head * d, k + (layer.kv_heads + head) * d);
          }
        }
      });
    }
  }

  void attend(const StepLayer& layer, size_t index) {
    room(s_.mixed, rows_ * layer.heads * layer.head_dim);
    const int64_t group = layer.heads / layer.kv_heads;
    const int64_t step = std::max<int64_t>(1, kQueryRows / group);
    std::vector<std::pair<const Slice*, int64_t>> tasks;  // and its first query
    for (const Slice& slice : slices_) {
      for (int64_t first = 0; first < slice.count; first += step) {
        tasks.emplace_back(&slice, first);
      }
    }
    const auto count = static_cast<int64_t>(tasks.size()) * layer.kv_heads;
    const int64_t seen = slices_.front().position + slices_.front().count;
    const int64_t grain = kGrainValues / (seen * layer.head_dim * std::min(step, rows_) * group);
    pool().parallel_for(count, std::max<int64_t>(1, grain), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        // The last queries see most: they go first.
        const auto& [slice, first] = tasks[tasks.size() - 1 - static_cast<size_t>(i / layer.kv_heads)];
        attend_rows(layer, *slice->sequence->layers[index], *slice, first, std::min(step, slice->count - first),
                    i % layer.kv_heads);
      }
    });
  }

  void attend_rows(const StepLayer& layer, const KvStore& store, const Slice& slice, int64_t first, int64_t count,
                   int64_t kv_head) const {
    const int64_t d = layer.head_dim;
    const int64_t group = layer.heads / layer.kv_heads;
    const int64_t width = (layer.heads + 2 * layer.kv_heads) * d;
    std::vector<const float*> q;
    std::vector<float*> out;
    std::vector<int64_t> visible;
    for (int64_t i = first; i < first + count; ++i) {
      for (int64_t head = kv_head * group; head < (kv_head + 1) * group; ++head) {
        q.push_back(s_.qkv.data() + (slice.first_row + i) * width + head * d);
        out.push_back(s_.mixed.data() + (slice.first_row + i) * layer.heads * d + head * d);
        visible.push_back(slice.position + i + 1);
      }
    }
    kv_attention(store, {.kv_head = kv_head,
                         .rows = static_cast<int64_t>(q.size()),
                         .q = q.data(),
                         .out = out.data(),
                         .visible = visible.data()});
  }

  /** h += scale * norm(linear(rounded)). */
  void add_branch(const StepLayer& layer, const StepLinear& linear, const StepNorm& after) {
    const int64_t d = plan_.hidden;
    const bool plain = after.weight == nullptr && layer.residual_scale == 1.0F;
    float* const y = plain ? h_ : room(s_.branch, rows_ * d);
    pool().parallel_for(linear.weight.panels(), grain(linear.weight), [&](int64_t begin, int64_t end) {
      multiply(linear, begin, end, {y + begin * kPanelHeight, d, plain});
    });
    for (int64_t m = 0; !plain && m < rows_; ++m) {
      float* const row = y + m * d;
      if (after.weight != nullptr) {
        fused_table().rms_norm_row(row, after.weight, d, after.eps, row);
      }
      for (int64_t i = 0; i < d; ++i) {
        h_[m * d + i] += layer.residual_scale * row[i];
      }
    }
  }

  void gate_and_up(const StepLayer& layer) {
    float* const activated = room(s_.activated, rows_ * layer.intermediate);
    const auto activate = layer.activation == StepActivation::Silu ? fused_table().swiglu : fused_table().gelu_tanh_mul;
    const int64_t panels = (layer.intermediate + kPanelHeight - 1) / kPanelHeight;
    pool().parallel_for(panels, grain(layer.gate.weight), [&](int64_t begin, int64_t end) {
      thread_local std::vector<float> buffer;
      float* const gate = room(buffer, 2 * rows_ * kPanelHeight);
      float* const up = gate + rows_ * kPanelHeight;
      for (int64_t p = begin; p < end; ++p) {
        multiply(layer.gate, layer.gate_panel + p, layer.gate_panel + p + 1, {gate, kPanelHeight});
        multiply(layer.up, layer.up_panel + p, layer.up_panel + p + 1, {up, kPanelHeight});
        const int64_t first = p * kPanelHeight;
        const int64_t count = std::min(kPanelHeight, layer.intermediate - first);
        for (int64_t m = 0; m < rows_; ++m) {
          activate(gate + m * kPanelHeight, up + m * kPanelHeight, count, activated + m * layer.intermediate + first);
        }
      }
    });
  }

  const StepPlan& plan_;
  std::vector<Slice> slices_;
  float* h_;
  Scratch& s_;
  int64_t rows_ = 0;
  const StepRope* prepared_ = nullptr;
};

}  // namespace

void decoder_step(const StepPlan& plan, std::span<const StepSequence> sequences, float* h) {
  thread_local Scratch scratch;
  std::vector<Slice> slices;
  int64_t rows = 0;
  const auto run = [&] {
    if (rows > 0) {
      Pass(plan, std::move(slices), h, scratch).run();
      h += rows * plan.hidden;
    }
    slices.clear();
    rows = 0;
  };
  for (const StepSequence& sequence : sequences) {
    for (int64_t done = 0; done < sequence.count;) {
      const int64_t count = std::min(sequence.count - done, kMaxRows - rows);
      slices.push_back({&sequence, rows, sequence.position + done, count});
      rows += count;
      done += count;
      if (rows == kMaxRows) {
        run();
      }
    }
  }
  run();
}

}  // namespace burin::kernels
