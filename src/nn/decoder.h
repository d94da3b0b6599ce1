// Builds and runs a DecoderSpec.
#pragma once

#include <memory>
#include <vector>

#include "nn/attention.h"
#include "nn/block_sparse.h"
#include "nn/feed_forward.h"

namespace burin::nn {

/** One transformer block with the norms that its names hold. */
class Block {
 public:
  Block(Parameters& parameters, const std::string& path, int hidden_size, const LayerSpec& spec,
        const LayerNames& names);
  mx::array operator()(const mx::array& x, const ops::Mask& mask, Cache& cache) const;
  const Sight& sight() const { return sight_; }
  /** Adds the layer; false where a plan cannot hold it. */
  bool plan(ops::DecoderPlan& plan) const;

 private:
  mx::array added(const mx::array& x, const mx::array& branch) const;

  Attention attention_;
  FeedForward ffn_;
  std::optional<Norm> before_attention_, after_attention_, before_ffn_, after_ffn_;
  Sight sight_;
  bool parallel_;
  double residual_scale_;
};

class Decoder {
 public:
  Decoder(Parameters& parameters, const DecoderSpec& spec);

  /** Once the weights are there: layers that fit run as one step from now on. */
  void plan();
  bool has_plan() const { return plan_ != nullptr; }

  /**
   * Shapes: ids (B, L) -> hidden states after the final norm (B, L, D).
   * Throws: InvalidArgument when learned positions run out.
   */
  mx::array hidden(const mx::array& ids, CacheList& cache) const;
  /**
   * hidden() of several sequences at once, each at its own position: the rows that the parts want. With a plan and
   * caches of steps it is one step, whose numbers are bit for bit those of each sequence alone.
   * Shapes: ids (sum of `count`) -> (sum of `wanted`, D).
   */
  mx::array wanted_hidden(const mx::array& ids, const std::vector<SequencePart>& parts) const;
  /** Shapes: hidden (.., D) -> logits (.., V). */
  mx::array head(const mx::array& hidden) const;

 private:
  mx::array run_layers(mx::array h, CacheList& cache) const;
  mx::array run_plan(const mx::array& h, CacheList& cache) const;
  /** Shapes: ids (T) -> (T, D). */
  mx::array run_parts(const mx::array& ids, const std::vector<SequencePart>& parts) const;
  mx::array embed(const mx::array& ids, const std::vector<SequencePart>& parts) const;
  mx::array learned_positions(const std::vector<SequencePart>& parts) const;

  Embedding embed_tokens_;
  std::optional<Embedding> positions_;
  std::optional<Norm> embedding_norm_;
  std::vector<Block> layers_;
  Norm norm_;
  std::optional<Linear> lm_head_;
  int context_size_;
  double embedding_scale_;
  double logit_scale_;
  double logit_softcap_;
  std::optional<mx::array> silent_;  // (V), bool
  std::shared_ptr<const ops::DecoderPlan> plan_;
  int hidden_size_;
};

}  // namespace burin::nn
