// Nemotron: layer norms with 1 + w, squared ReLU, partial rotation.
#include "models/architecture.h"
#include "models/config.h"

namespace burin::models {
namespace {

nn::LayerSpec block(const JsonView& config, const CommonConfig& common) {
  nn::LayerSpec layer = plain_layer(common);
  layer.norm = {.kind = nn::NormKind::Layer, .eps = common.rms_norm_eps, .plus_one = true, .bias = true};
  layer.attention.qkv_bias = layer.attention.o_bias = config.boolean_or("attention_bias", false);
  const double rotated = common.head_dim * rope_number(config, "partial_rotary_factor", 0.5);
  layer.attention.rope = read_rope(config, static_cast<int>(rotated), common.max_position_embeddings, 10000.0);
  layer.attention.rope.traditional = false;
  layer.ffn.activation = nn::Activation::Relu2;
  layer.ffn.gated = false;
  layer.ffn.bias = config.boolean_or("mlp_bias", false);
  return layer;
}

nn::DecoderSpec model(const JsonView& config, const HasTensor& /*has_tensor*/) {
  const CommonConfig common = read_common(config, {.keys = {.norm_eps = "norm_eps"}});
  nn::DecoderSpec spec = plain_decoder(config, common, block(config, common));
  spec.tied_head = config.boolean_or("tie_word_embeddings", false);
  return spec;
}

}  // namespace

extern const Architecture nemotron_architecture{
    .model_type = "nemotron",
    .aliases = {},
    .summary = "Nemotron 3 and Minitron",
    .source = "mlx-lm 0.32.2 models/nemotron.py",
    .spec = model,
};

}  // namespace burin::models
