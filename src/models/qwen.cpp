// Qwen 1: Llama under names of its own, fused q, k and v with a bias.
#include "models/architecture.h"
#include "models/config.h"

namespace burin::models {
namespace {

constexpr CommonConfig kDefaults{.hidden_size = 2048,
                                 .num_hidden_layers = 24,
                                 .intermediate_size = 11008,
                                 .num_attention_heads = 16,
                                 .vocab_size = 151936,
                                 .max_position_embeddings = 8192,
                                 .rms_norm_eps = 1e-6};
constexpr ConfigKeys kKeys{.num_key_value_heads = "", .head_dim = "kv_channels", .norm_eps = "layer_norm_epsilon"};

nn::LayerSpec block(const JsonView& config, const CommonConfig& common) {
  nn::LayerSpec layer = plain_layer(common);
  const bool bias = !config.boolean_or("no_bias", true);
  layer.attention.layout = nn::QkvLayout::Blocks;
  layer.attention.qkv_bias = true;
  layer.attention.o_bias = layer.ffn.bias = bias;
  layer.attention.rope = plain_rope(config, common.head_dim, 10000.0);
  layer.ffn.intermediate_size = common.intermediate_size / 2;
  return layer;
}

nn::Names names() {
  nn::Names names{.embed_tokens = "transformer.wte", .layers = "transformer.h", .norm = "transformer.ln_f"};
  names.layer.attention = "attn";
  names.layer.qkv = "c_attn";
  names.layer.o = "c_proj";
  names.layer.gate = "w2";
  names.layer.up = "w1";
  names.layer.down = "c_proj";
  names.layer.before_attention = "ln_1";
  names.layer.before_ffn = "ln_2";
  return names;
}

nn::DecoderSpec model(const JsonView& config, const HasTensor& /*has_tensor*/) {
  const CommonConfig common = read_common(config, {.common = kDefaults, .keys = kKeys});
  nn::DecoderSpec spec = plain_decoder(config, common, block(config, common));
  spec.names = names();
  spec.tied_head = false;
  spec.head_bias = !config.boolean_or("no_bias", true);
  return spec;
}

}  // namespace

extern const Architecture qwen_architecture{
    .model_type = "qwen",
    .aliases = {},
    .summary = "Qwen 1 and 1.5",
    .source = "mlx-lm 0.32.2 models/qwen.py",
    .spec = model,
};

}  // namespace burin::models
