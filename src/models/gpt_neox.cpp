// GPT-NeoX and Pythia: q, k and v of each head side by side, parallel branches with a norm each.
#include "models/architecture.h"
#include "models/config.h"

namespace burin::models {
namespace {

constexpr ConfigKeys kKeys{
    .intermediate_size = "", .num_key_value_heads = "", .head_dim = "", .norm_eps = "layer_norm_eps"};

nn::LayerSpec block(const JsonView& config, const CommonConfig& common) {
  nn::LayerSpec layer = plain_layer(common);
  layer.norm = {.kind = nn::NormKind::Layer, .eps = common.rms_norm_eps, .bias = true};
  layer.parallel = config.boolean_or("use_parallel_residual", true);
  layer.attention.layout = nn::QkvLayout::Groups;
  layer.attention.qkv_bias = layer.attention.o_bias = layer.ffn.bias = true;
  const double rotated = common.head_dim * positive_number(config, "rotary_pct");
  layer.attention.rope = plain_rope(config, rotated, positive_number(config, "rotary_emb_base"));
  layer.ffn.intermediate_size = 4 * common.hidden_size;
  layer.ffn.activation = nn::Activation::GeluTanh;
  layer.ffn.gated = false;
  return layer;
}

nn::Names names() {
  nn::Names names{.embed_tokens = "model.embed_in",
                  .layers = "model.h",
                  .norm = "model.final_layer_norm",
                  .lm_head = "model.embed_out"};
  names.layer.attention = "attention";
  names.layer.qkv = "query_key_value";
  names.layer.o = "dense";
  names.layer.up = "dense_h_to_4h";
  names.layer.down = "dense_4h_to_h";
  return names;
}

std::optional<SanitizedName> sanitize(const std::string& name) {
  if (name.ends_with(".attention.bias") || name.ends_with(".attention.masked_bias")) {
    return std::nullopt;
  }
  if (name.starts_with("gpt_neox.layers.")) {
    return SanitizedName{.name = "model.h." + name.substr(std::string_view("gpt_neox.layers.").size())};
  }
  if (name.starts_with("gpt_neox.")) {
    return SanitizedName{.name = "model." + name.substr(std::string_view("gpt_neox.").size())};
  }
  return SanitizedName{.name = name.starts_with("model.") ? name : "model." + name};
}

nn::DecoderSpec model(const JsonView& config, const HasTensor& /*has_tensor*/) {
  const CommonConfig common = read_common(config, {.common = {.intermediate_size = 1}, .keys = kKeys});
  nn::DecoderSpec spec = plain_decoder(config, common, block(config, common));
  spec.names = names();
  spec.tied_head = false;
  return spec;
}

}  // namespace

extern const Architecture gpt_neox_architecture{
    .model_type = "gpt_neox",
    .aliases = {},
    .summary = "GPT-NeoX and Pythia",
    .source = "mlx-lm 0.32.2 models/gpt_neox.py",
    .spec = model,
    .sanitize = sanitize,
};

}  // namespace burin::models
