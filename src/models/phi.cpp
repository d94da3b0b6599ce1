// Phi-1 to Phi-2: parallel branches behind one layer norm, biases everywhere, partial rotation.
#include "models/architecture.h"
#include "models/config.h"

namespace burin::models {
namespace {

constexpr CommonConfig kDefaults{.hidden_size = 2560,
                                 .num_hidden_layers = 32,
                                 .intermediate_size = 10240,
                                 .num_attention_heads = 32,
                                 .num_key_value_heads = 32,
                                 .vocab_size = 51200,
                                 .max_position_embeddings = 2048,
                                 .rms_norm_eps = 1e-5};

nn::LayerSpec block(const JsonView& config, const CommonConfig& common) {
  nn::LayerSpec layer = plain_layer(common);
  layer.norm = {.kind = nn::NormKind::Layer, .eps = common.rms_norm_eps, .bias = true};
  layer.parallel = true;
  layer.attention.qkv_bias = layer.attention.o_bias = layer.ffn.bias = true;
  const double rotated = common.head_dim * rope_number(config, "partial_rotary_factor", 0.4);
  layer.attention.rope = plain_rope(config, rotated, rope_number(config, "rope_theta", 10000.0));
  layer.ffn.activation = nn::Activation::GeluTanh;
  layer.ffn.gated = false;
  return layer;
}

nn::DecoderSpec model(const JsonView& config, const HasTensor& /*has_tensor*/) {
  const CommonConfig common =
      read_common(config, {.common = kDefaults, .keys = {.head_dim = "", .norm_eps = "layer_norm_eps"}});
  nn::DecoderSpec spec = plain_decoder(config, common, block(config, common));
  spec.names.norm = "model.final_layernorm";
  spec.names.layer.o = "dense";
  spec.names.layer.up = "fc1";
  spec.names.layer.down = "fc2";
  spec.names.layer.before_ffn.clear();
  spec.tied_head = false;
  spec.head_bias = true;
  return spec;
}

}  // namespace

extern const Architecture phi_architecture{
    .model_type = "phi",
    .aliases = {},
    .summary = "Phi-1, Phi-1.5 and Phi-2",
    .source = "mlx-lm 0.32.2 models/phi.py",
    .spec = model,
};

}  // namespace burin::models
