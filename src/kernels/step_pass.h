// One pass of decoder_step: up to kMaxRows rows through all layers.
#pragma once

#include <span>
#include <vector>

#include "kernels/decoder_step.h"

namespace burin::kernels {

constexpr int64_t kMaxRows = 128;           // of one pass: what lies between two matmuls stays small
constexpr int64_t kGrainBytes = 16 << 10;   // weights, times rows, that are worth handing to another thread
constexpr int64_t kGrainValues = 16 << 10;  // elements that are

/** Rows of one pass that belong to one sequence. */
struct StepSlice {
  const StepSequence* sequence;
  int64_t first_row;  // of the pass
  int64_t position;
  int64_t count;
};

/** What lies between the matmuls of one pass. Kept between calls. */
struct StepScratch {
  RoundedRows rounded;
  std::vector<float> normed, qkv, mixed, branch, activated, cosines, sines;
};

/** At least `size` elements. */
inline float* room(std::vector<float>& buffer, int64_t size) {
  if (buffer.size() < static_cast<size_t>(size)) {
    buffer.resize(static_cast<size_t>(size));
  }
  return buffer.data();
}

/** `out` may be `x`. */
void norm_row(const StepNorm& norm, const float* x, int64_t count, float* out);

class StepPass {
 public:
  StepPass(const StepPlan& plan, std::vector<StepSlice> slices, float* h, StepScratch& scratch)
      : plan_(plan), slices_(std::move(slices)), h_(h), s_(scratch) {
    rows_ = slices_.back().first_row + slices_.back().count;
  }

  void run();

 private:
  // decoder_step.cpp: the residual stream and matmuls
  int64_t tiles() const { return (rows_ + kTileRows - 1) / kTileRows; }
  int64_t grain(const PackedMatrix& w) const;
  void normalise_and_round(const StepNorm& norm, int group_size);
  void round(const float* x, int64_t columns, int group_size);
  void round_tiles(const float* x, int64_t begin, int64_t end);
  /** Panels [begin, end) of `linear`. */
  void multiply(const StepLinear& linear, int64_t begin, int64_t end, const PackedOutput& out) const;
  /** h += scale * norm(linear(rounded)). */
  void add_branch(const StepLayer& layer, const StepLinear& linear, const StepNorm& after);

  // step_attention.cpp
  void project_qkv(const StepAttention& a);
  /** Cosines and sines of every row, once for layers that rotate alike. */
  void prepare_rotation(const StepRope& rope);
  void rotate(const StepRope& rope, int64_t row, float* x) const;
  /** Normalises and rotates the heads that lie at(0), at(1), .. */
  template <typename At>
  void place(const StepAttention& a, const StepHeadNorm& norm, int64_t row, int64_t heads, At at) const;
  void place_and_store(const StepAttention& a, KvStore& store, const StepSlice& slice, int64_t index) const;
  void rotate_and_store(const StepAttention& a, size_t layer);
  void attend(const StepAttention& a, size_t layer);
  void attend_rows(const StepAttention& a, const KvStore& store, const StepSlice& slice, int64_t first, int64_t count,
                   int64_t kv_head) const;

  // step_ffn.cpp
  void gate_and_up(const StepFfn& ffn);
  /** Panel `p` of what is activated, into rows of kPanelHeight. */
  void multiply_inputs(const StepFfn& ffn, int64_t p, float* gate, float* up) const;

  const StepPlan& plan_;
  std::vector<StepSlice> slices_;
  float* h_;
  StepScratch& s_;
  int64_t rows_ = 0;
  const StepRope* prepared_ = nullptr;
};

}  // namespace burin::kernels
