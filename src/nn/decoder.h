// Builds and runs a DecoderSpec.
#pragma once

#include <memory>
#include <vector>

#include "nn/attention.h"
#include "nn/feed_forward.h"

namespace burin::nn {

/** One transformer block in the residual order of its spec. */
class Block {
 public:
  Block(Parameters& parameters, const std::string& path, int hidden_size, const LayerSpec& spec);
  mx::array operator()(const mx::array& x, const ops::Mask& mask, Cache& cache) const;
  int window() const { return window_; }

 private:
  Attention attention_;
  FeedForward ffn_;
  std::optional<RmsNorm> before_attention_, after_attention_, before_ffn_, after_ffn_;
  int window_;
};

class Decoder {
 public:
  Decoder(Parameters& parameters, const DecoderSpec& spec);

  /** Shapes: ids (B, L) -> hidden states after the final norm (B, L, D). */
  mx::array hidden(const mx::array& ids, CacheList& cache) const;
  /** Shapes: hidden (.., D) -> logits (.., V). */
  mx::array head(const mx::array& hidden) const;
  CacheList make_cache() const;

 private:
  Embedding embed_tokens_;
  std::vector<Block> layers_;
  RmsNorm norm_;
  std::optional<Linear> lm_head_;
  double embedding_scale_;
};

}  // namespace burin::nn
