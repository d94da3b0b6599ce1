// Command R: attention and feed-forward in parallel behind one layer norm, scaled logits.
#include "models/architecture.h"
#include "models/config.h"

namespace burin::models {
namespace {

constexpr CommonConfig kDefaults{.hidden_size = 8192,
                                 .num_hidden_layers = 40,
                                 .intermediate_size = 22528,
                                 .num_attention_heads = 64,
                                 .num_key_value_heads = 64,
                                 .vocab_size = 256000,
                                 .max_position_embeddings = 8192,
                                 .rms_norm_eps = 1e-5};

nn::LayerSpec block(const JsonView& config, const CommonConfig& common) {
  nn::LayerSpec layer = plain_layer(common);
  layer.norm = {
      .kind = nn::NormKind::Layer, .eps = common.rms_norm_eps, .bias = config.boolean_or("layer_norm_bias", false)};
  layer.parallel = true;
  layer.attention.qkv_bias = layer.attention.o_bias = config.boolean_or("attention_bias", false);
  layer.attention.qk_norm = config.boolean_or("use_qk_norm", false) ? nn::QkNorm::EachHead : nn::QkNorm::None;
  layer.attention.rope = plain_rope(config, common.head_dim, rope_number(config, "rope_theta", 8000000.0), true);
  return layer;
}

nn::DecoderSpec model(const JsonView& config, const HasTensor& /*has_tensor*/) {
  const CommonConfig common =
      read_common(config, {.common = kDefaults, .keys = {.head_dim = "", .norm_eps = "layer_norm_eps"}});
  nn::DecoderSpec spec = plain_decoder(config, common, block(config, common));
  spec.names.layer.before_ffn.clear();
  spec.logit_scale = config.number_or("logit_scale", 0.0625);
  return spec;
}

}  // namespace

extern const Architecture cohere_architecture{
    .model_type = "cohere",
    .aliases = {},
    .summary = "Cohere Command R and R+",
    .source = "mlx-lm 0.32.2 models/cohere.py",
    .spec = model,
};

}  // namespace burin::models
