#include "nn/decoder.h"

#include <map>

namespace burin::nn {

Block::Block(Parameters& parameters, const std::string& path, int hidden_size, const LayerSpec& spec)
    : attention_(parameters, path + ".self_attn", hidden_size, spec),
      ffn_(parameters, path + ".mlp", hidden_size, spec.ffn),
      window_(spec.attention.window) {
  const auto norm = [&](std::optional<RmsNorm>& slot, const char* name) {
    slot.emplace(parameters, path + "." + name, hidden_size, spec.norm);
  };
  switch (spec.residual) {
    case ResidualOrder::Pre:
      norm(before_attention_, "input_layernorm");
      norm(before_ffn_, "post_attention_layernorm");
      break;
    case ResidualOrder::Sandwich:
      norm(before_attention_, "input_layernorm");
      norm(after_attention_, "post_attention_layernorm");
      norm(before_ffn_, "pre_feedforward_layernorm");
      norm(after_ffn_, "post_feedforward_layernorm");
      break;
    case ResidualOrder::Post:
      norm(after_attention_, "post_attention_layernorm");
      norm(after_ffn_, "post_feedforward_layernorm");
      break;
  }
}

mx::array Block::operator()(const mx::array& x, const ops::Mask& mask, Cache& cache) const {
  const auto apply = [](const std::optional<RmsNorm>& norm, const mx::array& y) { return norm ? (*norm)(y) : y; };
  const mx::array attended = attention_(apply(before_attention_, x), mask, cache);
  const mx::array h = mx::add(x, apply(after_attention_, attended));
  return mx::add(h, apply(after_ffn_, ffn_(apply(before_ffn_, h))));
}

Decoder::Decoder(Parameters& parameters, const DecoderSpec& spec)
    : embed_tokens_(parameters, "model.embed_tokens", spec.vocab_size, spec.hidden_size),
      norm_(parameters, "model.norm", spec.hidden_size, spec.final_norm),
      embedding_scale_(spec.embedding_scale) {
  layers_.reserve(spec.layers.size());
  for (size_t i = 0; i < spec.layers.size(); ++i) {
    layers_.emplace_back(parameters, "model.layers." + std::to_string(i), spec.hidden_size, spec.layers[i]);
  }
  if (!spec.tied_head) {
    lm_head_.emplace(parameters, "lm_head", spec.hidden_size, spec.vocab_size, false);
  }
}

mx::array Decoder::hidden(const mx::array& ids, CacheList& cache) const {
  mx::array h = embed_tokens_(ids);
  if (embedding_scale_ != 1.0) {
    h = mx::multiply(h, mx::array(static_cast<float>(embedding_scale_), h.dtype()));
  }
  // Layers with one window hold equally many tokens, so one mask serves them all.
  std::map<int, ops::Mask> masks;
  for (size_t i = 0; i < layers_.size(); ++i) {
    const int window = layers_[i].window();
    auto it = masks.find(window);
    if (it == masks.end()) {
      it = masks.emplace(window, cache[i]->make_mask(ids.shape(1), window)).first;
    }
    h = layers_[i](h, it->second, *cache[i]);
  }
  return norm_(h);
}

mx::array Decoder::head(const mx::array& hidden) const {
  return lm_head_ ? (*lm_head_)(hidden) : embed_tokens_.as_linear(hidden);
}

CacheList Decoder::make_cache() const {
  CacheList list;
  for (const Block& layer : layers_) {
    if (layer.window() > 0) {
      list.push_back(std::make_unique<RotatingKVCache>(layer.window()));
    } else {
      list.push_back(std::make_unique<KVCache>());
    }
  }
  return list;
}

}  // namespace burin::nn
