// All layers of a decoder as one node of the graph.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "kernels/decoder_step.h"
#include "ops/packed.h"

namespace burin::ops {

using kernels::KvStore;
using kernels::StepActivation;
using kernels::StepLayer;
using kernels::StepLinear;
using kernels::StepNorm;
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

/**
 * The hidden states after all layers. Writes tokens [position, position + L) of every sequence into `stores` (layers)
 * when it runs, which is after `after`, the result of the step before. Shapes: h (B, L, D) -> (B, L, D).
 */
mx::array decoder_step(const mx::array& h, const std::shared_ptr<const DecoderPlan>& plan,
                       std::vector<LayerStores> stores, int position, const std::optional<mx::array>& after);

/** Keys, or values, of tokens [0, count). Shapes: -> (B, K, count, Dh), float32. */
mx::array stored_rows(const LayerStores& stores, int count, bool values, const mx::array& after);

/** Stores that hold `keys` and `values`. Shapes: (B, K, S, Dh) float32. `group` as KvStore has it. */
LayerStores store_rows(const mx::array& keys, const mx::array& values, int count, int group = 0);

}  // namespace burin::ops
