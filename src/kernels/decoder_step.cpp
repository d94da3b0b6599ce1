#include "kernels/decoder_step.h"

#include <algorithm>

#include "kernels/fused_table.h"
#include "kernels/step_pass.h"
#include "kernels/thread_pool.h"

namespace burin::kernels {

void norm_row(const StepNorm& norm, const float* x, int64_t count, float* out) {
  if (norm.kind == StepNormKind::Rms) {
    fused_table().rms_norm_row(x, norm.weight, count, norm.eps, out);
  } else if (norm.kind == StepNormKind::Layer) {
    fused_table().layer_norm_row(x, norm.weight, norm.bias, count, norm.eps, out);
  }
}

void StepPass::run() {
  for (size_t i = 0; i < plan_.layers.size(); ++i) {
    const StepLayer& layer = plan_.layers[i];
    const StepAttention& a = layer.attention;
    const auto feed = [&] {
      normalise_and_round(layer.before_ffn, layer.ffn.up.weight.group_size);
      gate_and_up(layer.ffn);
    };
    normalise_and_round(layer.before_attention, a.qkv.front().weight.group_size);
    project_qkv(a);
    if (layer.parallel) {
      feed();
    }
    rotate_and_store(a, i);
    attend(a, i);
    round(s_.mixed.data(), a.heads * a.head_dim, a.o.weight.group_size);
    add_branch(layer, a.o, layer.after_attention);
    if (!layer.parallel) {
      feed();
    }
    round(s_.activated.data(), layer.ffn.intermediate, layer.ffn.down.weight.group_size);
    add_branch(layer, layer.ffn.down, layer.after_ffn);
  }
}

void StepPass::normalise_and_round(const StepNorm& norm, int group_size) {
  const int64_t d = plan_.hidden;
  if (norm.kind == StepNormKind::None) {
    return round(h_, d, group_size);
  }
  float* const normed = room(s_.normed, rows_ * d);
  s_.rounded.resize(rows_, d, group_size);
  pool().parallel_for(tiles(), std::max<int64_t>(1, kGrainValues / (d * kTileRows)), [&](int64_t begin, int64_t end) {
    for (int64_t m = begin * kTileRows; m < std::min(end * kTileRows, rows_); ++m) {
      norm_row(norm, h_ + m * d, d, normed + m * d);
    }
    round_tiles(normed, begin, end);
  });
}

void StepPass::round(const float* x, int64_t columns, int group_size) {
  s_.rounded.resize(rows_, columns, group_size);
  pool().parallel_for(tiles(), std::max<int64_t>(1, kGrainValues / (columns * kTileRows)),
                      [&](int64_t begin, int64_t end) { round_tiles(x, begin, end); });
}

void StepPass::round_tiles(const float* x, int64_t begin, int64_t end) {
  for (int64_t tile = begin; tile < end; ++tile) {
    s_.rounded.round_tile(x, tile * kTileRows);
  }
}

int64_t StepPass::grain(const PackedMatrix& w) const {
  return std::max<int64_t>(1, kGrainBytes / (w.panel_bytes() * rows_));
}

void StepPass::multiply(const StepLinear& linear, int64_t begin, int64_t end, const PackedOutput& out) const {
  packed_panels(linear.weight, s_.rounded, begin, end, out);
  const int64_t first = begin * kPanelHeight;
  const int64_t count = std::min(end * kPanelHeight, linear.weight.rows) - first;
  for (int64_t m = 0; linear.bias != nullptr && m < rows_; ++m) {
    for (int64_t r = 0; r < count; ++r) {
      out.y[m * out.ldy + r] += linear.bias[first + r];
    }
  }
}

void StepPass::add_branch(const StepLayer& layer, const StepLinear& linear, const StepNorm& after) {
  const int64_t d = plan_.hidden;
  const bool plain = after.kind == StepNormKind::None && layer.residual_scale == 1.0F;
  float* const y = plain ? h_ : room(s_.branch, rows_ * d);
  pool().parallel_for(linear.weight.panels(), grain(linear.weight), [&](int64_t begin, int64_t end) {
    multiply(linear, begin, end, {y + begin * kPanelHeight, d, plain});
  });
  if (plain) {
    return;
  }
  pool().parallel_for(rows_, std::max<int64_t>(1, kGrainValues / d), [&](int64_t begin, int64_t end) {
    for (int64_t m = begin; m < end; ++m) {
      float* const row = y + m * d;
      norm_row(after, row, d, row);
      for (int64_t i = 0; i < d; ++i) {
        h_[m * d + i] += layer.residual_scale * row[i];
      }
    }
  });
}

void decoder_step(const StepPlan& plan, std::span<const StepSequence> sequences, float* h) {
  thread_local StepScratch scratch;
  std::vector<StepSlice> slices;
  int64_t rows = 0;
  const auto run = [&] {
    if (rows > 0) {
      StepPass(plan, std::move(slices), h, scratch).run();
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
