// Apertus: norms of q and k, and an xIELU feed-forward block without a gate.
#include "models/architecture.h"
#include "models/config.h"

namespace burin::models {
namespace {

nn::LayerSpec block(const JsonView& config, const CommonConfig& common) {
  nn::LayerSpec layer = plain_layer(common);
  layer.attention.qk_norm = nn::QkNorm::PerHead;
  layer.attention.rope = read_rope(config, common.head_dim, common.max_position_embeddings, std::nullopt);
  layer.ffn.activation = nn::Activation::XieLU;
  layer.ffn.gated = false;
  layer.ffn.bias = config.boolean_or("mlp_bias", false);
  return layer;
}

nn::DecoderSpec model(const JsonView& config, const HasTensor& /*has_tensor*/) {
  const CommonConfig common = read_common(config, {.keys = {.head_dim = ""}});
  nn::DecoderSpec spec = plain_decoder(config, common, block(config, common));
  spec.names.layer.before_attention = "attention_layernorm";
  spec.names.layer.before_ffn = "feedforward_layernorm";
  spec.tied_head = config.boolean_or("tie_word_embeddings", false);
  return spec;
}

}  // namespace

extern const Architecture apertus_architecture{
    .model_type = "apertus",
    .aliases = {},
    .summary = "Apertus",
    .source = "mlx-lm 0.32.2 models/apertus.py",
    .spec = model,
};

}  // namespace burin::models
