// GLM-4 (2025): norms around each branch, partial interleaved rotation.
#include "models/architecture.h"
#include "models/config.h"

namespace burin::models {
namespace {

nn::LayerSpec block(const JsonView& config, const CommonConfig& common) {
  nn::LayerSpec layer = plain_layer(common);
  layer.attention.qkv_bias = config.boolean_or("attention_bias", false);
  const double rotated = common.head_dim * rope_number(config, "partial_rotary_factor");
  layer.attention.rope = read_rope(config, static_cast<int>(rotated), common.max_position_embeddings, std::nullopt);
  layer.attention.rope.kind = nn::RopeKind::Default;
  layer.attention.rope.traditional = config.boolean_or("rope_traditional", true);
  layer.ffn.layout = nn::GateUpLayout::GateFirst;
  return layer;
}

nn::DecoderSpec model(const JsonView& config, const HasTensor& /*has_tensor*/) {
  const CommonConfig common = read_common(config, {.common = {.max_position_embeddings = 32768}});
  nn::DecoderSpec spec = plain_decoder(config, common, block(config, common));
  spec.names.layer.after_attention = "post_self_attn_layernorm";
  spec.names.layer.after_ffn = "post_mlp_layernorm";
  spec.tied_head = false;
  return spec;
}

}  // namespace

extern const Architecture glm4_architecture{
    .model_type = "glm4",
    .aliases = {},
    .summary = "GLM-4-0414 and GLM-Z1",
    .source = "mlx-lm 0.32.2 models/glm4.py",
    .spec = model,
};

}  // namespace burin::models
