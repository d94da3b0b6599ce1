// All layers of a decoder over packed weights, without a graph between them. Rows are tokens: of one prompt, of one
// step of several sequences, or of any mixture. A token's result does not depend on the rows beside it.
#pragma once

#include <array>
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

enum class StepNormKind { None, Rms, Layer };

/** Null: no weight, no bias. */
struct StepNorm {
  StepNormKind kind = StepNormKind::None;
  const float* weight = nullptr;
  const float* bias = nullptr;
  float eps = 0.0F;
};

/** Of queries or keys. */
struct StepHeadNorm {
  StepNorm norm;
  bool whole = false;  // over all heads together
  int64_t stride = 0;  // from one head's weights to the next ones; 0: one for all heads
};

struct StepRope {
  int64_t dims = 0;  // 0: none
  bool traditional = false;
  const float* frequencies = nullptr;  // radians per position (dims / 2)
  float input_scale = 1.0F;            // multiplies the rotated part
  // Or, where `trained_length` is not 0, of a base that grows with the text, from `theta` there by `factor`.
  int64_t trained_length = 0;
  double theta = 0.0, factor = 1.0;
};

struct StepAttention {
  int64_t heads = 0, kv_heads = 0, head_dim = 0;
  std::vector<StepLinear> qkv;  // whose rows are q, k and v one after another
  bool grouped = false;         // of one matrix: each key's q rows, then its k and v rows
  StepHeadNorm q_norm, k_norm;
  bool norm_after_rope = false;
  StepRope rope;
  float scale = 1.0F;
  float temperature_beta = 0.0F;   // queries grow by 1 + beta * log(1 + floor(position / temperature_length))
  int64_t temperature_length = 1;  // tokens
  int64_t window = 0;              // tokens that a query sees, itself among them; 0: all
  float softcap = 0.0F;            // 0: none
  const float* sinks = nullptr;    // (heads), or none
  StepLinear o;
};

/** GeGelu: gate * sigmoid(1.702 gate) * (up + 1), clipped to `limit`. */
enum class StepActivation { Silu, Gelu, GeluTanh, Relu2, XieLU, GeGelu };

/** down(act(gate(x)) * up(x)), or down(act(up(x))) where `gate` has no data. */
struct StepFfn {
  StepLinear gate, up;                   // the same matrix for a fused one
  int64_t gate_panel = 0, up_panel = 0;  // where they begin in it
  bool alternating = false;              // or: its rows are those of gate and up in turn
  int64_t intermediate = 0;
  StepActivation activation = StepActivation::Silu;
  float limit = 0.0F;
  std::array<float, 4> xielu{};  // positive, negative, beta, eps
  StepLinear down;
};

struct StepLayer {
  StepNorm before_attention, after_attention, before_ffn, after_ffn;
  StepAttention attention;
  StepFfn ffn;
  bool parallel = false;  // both branches read the layer's input
  float residual_scale = 1.0F;
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

constexpr int kKeptBehindWindow = 64;  // tokens: a text may be taken back by as many

/**
 * Runs all layers. Stores of a layer with a window give back the chunks that no query sees any more, not even once
 * kKeptBehindWindow tokens have been taken back.
 * Shapes: h (tokens of all sequences in their order, hidden), replaced. On all threads.
 */
void decoder_step(const StepPlan& plan, std::span<const StepSequence> sequences, float* h);

}  // namespace burin::kernels
