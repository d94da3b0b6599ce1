// Command R7B and A: Cohere with sliding layers; only those rotate.
#include "models/architecture.h"
#include "models/config.h"

namespace burin::models {
namespace {

constexpr CommonConfig kDefaults{.hidden_size = 4096,
                                 .num_hidden_layers = 32,
                                 .intermediate_size = 14336,
                                 .num_attention_heads = 32,
                                 .num_key_value_heads = 8,
                                 .head_dim = 128,
                                 .vocab_size = 256000,
                                 .max_position_embeddings = 8192,
                                 .rms_norm_eps = 1e-5};

nn::LayerSpec block(const JsonView& config, const CommonConfig& common, bool sliding) {
  nn::LayerSpec layer = plain_layer(common);
  layer.norm = {
      .kind = nn::NormKind::Layer, .eps = common.rms_norm_eps, .bias = config.boolean_or("layer_norm_bias", false)};
  layer.parallel = true;
  layer.attention.qkv_bias = layer.attention.o_bias = config.boolean_or("attention_bias", false);
  if (sliding) {
    layer.attention.rope = plain_rope(config, common.head_dim, rope_number(config, "rope_theta", 50000.0), true);
    layer.attention.window = static_cast<int>(config.integer_or("sliding_window", 4096, 1, 1 << 30));
  }
  return layer;
}

nn::DecoderSpec model(const JsonView& config, const HasTensor& /*has_tensor*/) {
  const CommonConfig common = read_common(config, {.common = kDefaults, .keys = {.norm_eps = "layer_norm_eps"}});
  nn::DecoderSpec spec = plain_decoder(config, common, block(config, common, true));
  const auto pattern = static_cast<size_t>(config.integer_or("sliding_window_pattern", 4, 1, 4096));
  for (size_t i = pattern - 1; i < spec.layers.size(); i += pattern) {
    spec.layers[i] = block(config, common, false);
  }
  spec.names.layer.before_ffn.clear();
  spec.logit_scale = config.number_or("logit_scale", 0.0625);
  return spec;
}

}  // namespace

extern const Architecture cohere2_architecture{
    .model_type = "cohere2",
    .aliases = {},
    .summary = "Cohere Command R7B and Command A",
    .source = "mlx-lm 0.32.2 models/cohere2.py",
    .spec = model,
};

}  // namespace burin::models
