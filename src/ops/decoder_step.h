// All layers of a decoder as one node of the graph.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "kernels/decoder_step.h"
#include "ops/packed.h"

namespace burin::ops {

using kernels::kKeptBehindWindow;
using kernels::KvStore;
using kernels::StepActivation;
using kernels::StepAttention;
using kernels::StepFfn;
using kernels::StepHeadNorm;
using kernels::StepLayer;
using kernels::StepLinear;
using kernels::StepNorm;
using kernels::StepNormKind;
using kernels::StepPlan;
using kernels::StepRope;

/** A plan and what its pointers point to. */
struct DecoderPlan {
  StepPlan plan;
  std::vector<PackedWeightPtr> weights;
  std::vector<mx::array> arrays;
  std::vector<std::shared_ptr<const std::vector<float>>> frequencies;
};

/** The stores of one layer, one for each sequence of a batch. Written on the stream's thread alone. */
using LayerStores = std::vector<std::shared_ptr<KvStore>>;

/** `count` new tokens of one sequence, the first at `position`, and its stores, one for each layer. */
struct StepTokens {
  std::vector<std::shared_ptr<KvStore>> stores;
  int position = 0;
  int count = 0;
};

/**
 * The hidden states after all layers. Writes the new tokens of every sequence into its stores when it runs, which is
 * after `after`, the results that the stores follow from. A sequence's numbers do not depend on the others.
 * Shapes: h (.., D) -> the same, where rows are the tokens of one sequence after another's.
 */
mx::array decoder_step(const mx::array& h, const std::shared_ptr<const DecoderPlan>& plan,
                       std::vector<StepTokens> sequences, const std::vector<mx::array>& after);

/** Tokens [begin, end) of a sequence. */
struct TokenRange {
  int begin = 0;
  int end = 0;
};

/** Keys, or values, of tokens that the stores hold. Shapes: -> (B, K, range, Dh), float32. */
mx::array stored_rows(const LayerStores& stores, const TokenRange& range, bool values, const mx::array& after);

/** Stores of `group` as KvStore has it, whose tokens from `first` on are `keys` and `values`. Shapes: (B, K, S, Dh). */
LayerStores store_rows(const mx::array& keys, const mx::array& values, int first = 0, int group = 0);

}  // namespace burin::ops
