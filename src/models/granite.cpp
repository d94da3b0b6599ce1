// Granite: Llama with multipliers for embeddings, attention, residuals and logits.
#include "models/architecture.h"
#include "models/config.h"

namespace burin::models {
namespace {

nn::LayerSpec block(const JsonView& config, const CommonConfig& common) {
  nn::LayerSpec layer = plain_layer(common);
  layer.attention.scale = config.number("attention_multiplier");
  layer.attention.qkv_bias = layer.attention.o_bias = config.boolean_or("attention_bias", false);
  layer.attention.rope = read_rope(config, common.head_dim, common.max_position_embeddings, 10000.0);
  layer.attention.rope.traditional = false;
  layer.ffn.bias = config.boolean_or("mlp_bias", false);
  layer.residual_scale = config.number("residual_multiplier");
  return layer;
}

nn::DecoderSpec model(const JsonView& config, const HasTensor& /*has_tensor*/) {
  const CommonConfig common = read_common(config, {.keys = {.head_dim = ""}});
  nn::DecoderSpec spec = plain_decoder(config, common, block(config, common));
  spec.embedding_scale = config.number("embedding_multiplier");
  spec.logit_scale = 1.0 / positive_number(config, "logits_scaling");
  spec.tied_head = config.boolean_or("tie_word_embeddings", true);
  return spec;
}

}  // namespace

extern const Architecture granite_architecture{
    .model_type = "granite",
    .aliases = {},
    .summary = "Granite 3 dense",
    .source = "mlx-lm 0.32.2 models/granite.py",
    .spec = model,
};

}  // namespace burin::models
