// GPT-2: learned positions, fused q, k and v, layer norms and biases everywhere.
#include "models/architecture.h"
#include "models/config.h"

namespace burin::models {
namespace {

constexpr ConfigKeys kKeys{.hidden_size = "n_embd",
                           .num_hidden_layers = "n_layer",
                           .intermediate_size = "",
                           .num_attention_heads = "n_head",
                           .num_key_value_heads = "",
                           .head_dim = "",
                           .max_position_embeddings = "n_positions",
                           .norm_eps = "layer_norm_epsilon"};

nn::LayerSpec block(const CommonConfig& common) {
  nn::LayerSpec layer = plain_layer(common);
  layer.norm = {.kind = nn::NormKind::Layer, .eps = common.rms_norm_eps, .bias = true};
  layer.attention.layout = nn::QkvLayout::Blocks;
  layer.attention.qkv_bias = layer.attention.o_bias = layer.ffn.bias = true;
  layer.ffn.intermediate_size = 4 * common.hidden_size;
  layer.ffn.activation = nn::Activation::GeluTanh;
  layer.ffn.gated = false;
  return layer;
}

nn::Names names() {
  nn::Names names{.embed_tokens = "model.wte", .layers = "model.h", .norm = "model.ln_f", .positions = "model.wpe"};
  names.layer.attention = "attn";
  names.layer.qkv = "c_attn";
  names.layer.o = "c_proj";
  names.layer.up = "c_fc";
  names.layer.down = "c_proj";
  names.layer.before_attention = "ln_1";
  names.layer.before_ffn = "ln_2";
  return names;
}

/** OpenAI's files lack "model." and store these matrices the other way round; the causal mask is no weight. */
std::optional<SanitizedName> sanitize(const std::string& name) {
  if (name.ends_with(".attn.bias") || name.ends_with(".attn.masked_bias")) {
    return std::nullopt;
  }
  if (name.starts_with("model.")) {
    return SanitizedName{.name = name};
  }
  const bool conv =
      name.ends_with(".c_attn.weight") || name.ends_with(".c_proj.weight") || name.ends_with(".c_fc.weight");
  return SanitizedName{.name = "model." + name, .transposed = name.starts_with("h.") && conv};
}

nn::DecoderSpec model(const JsonView& config, const HasTensor& /*has_tensor*/) {
  const CommonConfig common = read_common(config, {.common = {.intermediate_size = 1}, .keys = kKeys});
  nn::DecoderSpec spec = plain_decoder(config, common, block(common));
  spec.names = names();
  return spec;
}

}  // namespace

extern const Architecture gpt2_architecture{
    .model_type = "gpt2",
    .aliases = {},
    .summary = "GPT-2",
    .source = "mlx-lm 0.32.2 models/gpt2.py",
    .spec = model,
    .sanitize = sanitize,
};

}  // namespace burin::models
