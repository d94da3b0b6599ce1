// All layers of a decoder over packed weights, without a graph between them. Rows are tokens: of one prompt, of one
// step of several sequences, or of any mixture. A token's result does not depend on the rows beside it.
#pragma once

#include <span>
#include <vector>

#include "kernels/kv_store.h"
#include "kernels/packed.h"

namespace burin::kernels {

/** A packed matrix with its bias (null: none). */
struct StepLinear {
  PackedMatrix weight;
  const float* bias = nullptr;
};

/** RMS norm; `weight` null: not there. */
struct StepNorm {
  const float* weight = nullptr;
  float eps = 0.0F;
};

struct StepRope {
  int64_t dims = 0;  // 0: none
  bool traditional = false;
  const float* frequencies = nullptr;  // radians per position (dims / 2)
  float input_scale = 1.0F;            // multiplies the rotated part
};

enum class StepActivation { Silu, GeluTanh };

struct StepLayer {
  int64_t heads = 0, kv_heads = 0, head_dim = 0;
  float scale = 1.0F;
  float residual_scale = 1.0F;
  StepRope rope;
  StepNorm before_attention, after_attention, before_ffn, after_ffn;
  StepNorm q_norm, k_norm;      // of each head
  std::vector<StepLinear> qkv;  // whose rows are q, k and v one after another
  StepLinear o;
  StepLinear gate, up;                   // the same matrix for a fused one
  int64_t gate_panel = 0, up_panel = 0;  // where they begin
  int64_t intermediate = 0;
  StepActivation activation = StepActivation::Silu;
  StepLinear down;
};

struct StepPlan {
  int64_t hidden = 0;
  std::vector<StepLayer> layers;
};

/** `count` new tokens of one sequence, the first at `position`; what it holds beyond is forgotten. */
struct StepSequence {
  std::vector<KvStore*> layers;
  int64_t position = 0;
  int64_t count = 0;
};

/** Runs all layers. Shapes: h (tokens of all sequences in their order, hidden), replaced. On all threads. */
void decoder_step(const StepPlan& plan, std::span<const StepSequence> sequences, float* h);

}  // namespace burin::kernels
