// StableLM: layer norms, partial rotation; as an option parallel branches and a norm for each head.
#include "models/architecture.h"
#include "models/config.h"

namespace burin::models {
namespace {

nn::LayerSpec block(const JsonView& config, const CommonConfig& common) {
  nn::LayerSpec layer = plain_layer(common);
  layer.norm = {.kind = nn::NormKind::Layer, .eps = common.rms_norm_eps, .bias = true};
  layer.parallel = config.boolean_or("use_parallel_residual", false);
  layer.attention.qkv_bias = config.boolean_or("use_qkv_bias", false);
  layer.attention.qk_norm = config.boolean_or("qk_layernorm", false) ? nn::QkNorm::HeadList : nn::QkNorm::None;
  const double rotated = common.head_dim * rope_number(config, "partial_rotary_factor");
  layer.attention.rope = plain_rope(config, rotated, rope_number(config, "rope_theta"));
  return layer;
}

nn::DecoderSpec model(const JsonView& config, const HasTensor& /*has_tensor*/) {
  const CommonConfig common = read_common(config, {.keys = {.head_dim = "", .norm_eps = "layer_norm_eps"}});
  nn::DecoderSpec spec = plain_decoder(config, common, block(config, common));
  if (spec.layers.front().parallel) {
    spec.names.layer.before_ffn.clear();
  }
  spec.names.layer.q_norm = "q_layernorm";
  spec.names.layer.k_norm = "k_layernorm";
  spec.tied_head = false;
  return spec;
}

}  // namespace

extern const Architecture stablelm_architecture{
    .model_type = "stablelm",
    .aliases = {},
    .summary = "StableLM 2 and 3B",
    .source = "mlx-lm 0.32.2 models/stablelm.py",
    .spec = model,
};

}  // namespace burin::models
