// StarCoder2: layer norms and biases everywhere, a plain GELU feed-forward block.
#include "models/architecture.h"
#include "models/config.h"

namespace burin::models {
namespace {

nn::LayerSpec block(const JsonView& config, const CommonConfig& common) {
  nn::LayerSpec layer = plain_layer(common);
  layer.norm = {.kind = nn::NormKind::Layer, .eps = common.rms_norm_eps, .bias = true};
  layer.attention.qkv_bias = layer.attention.o_bias = true;
  layer.attention.rope = plain_rope(config, common.head_dim, rope_number(config, "rope_theta", 100000.0));
  layer.ffn.activation = nn::Activation::Gelu;
  layer.ffn.gated = false;
  layer.ffn.bias = true;
  return layer;
}

nn::DecoderSpec model(const JsonView& config, const HasTensor& /*has_tensor*/) {
  const CommonConfig common =
      read_common(config, {.common = {.vocab_size = 49152, .max_position_embeddings = 2048, .rms_norm_eps = 1e-5},
                           .keys = {.head_dim = "", .norm_eps = "norm_epsilon"}});
  nn::DecoderSpec spec = plain_decoder(config, common, block(config, common));
  spec.names.layer.up = "c_fc";
  spec.names.layer.down = "c_proj";
  spec.tied_head = config.boolean_or("tie_word_embeddings", true);
  return spec;
}

}  // namespace

extern const Architecture starcoder2_architecture{
    .model_type = "starcoder2",
    .aliases = {},
    .summary = "StarCoder2",
    .source = "mlx-lm 0.32.2 models/starcoder2.py",
    .spec = model,
};

}  // namespace burin::models
