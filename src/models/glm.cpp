// GLM-4 9B (2024): fused gate and up, interleaved rotation.
#include "models/architecture.h"
#include "models/config.h"

namespace burin::models {
namespace {

nn::LayerSpec block(const JsonView& config, const CommonConfig& common) {
  nn::LayerSpec layer = plain_layer(common);
  layer.attention.qkv_bias = config.boolean_or("attention_bias", false);
  layer.attention.rope = plain_rope(config, common.head_dim, rope_number(config, "rope_theta", 10000.0), true);
  layer.ffn.layout = nn::GateUpLayout::GateFirst;
  return layer;
}

nn::DecoderSpec model(const JsonView& config, const HasTensor& /*has_tensor*/) {
  const CommonConfig common = read_common(config);
  nn::DecoderSpec spec = plain_decoder(config, common, block(config, common));
  spec.tied_head = config.boolean_or("tie_word_embeddings", true);
  return spec;
}

}  // namespace

extern const Architecture glm_architecture{
    .model_type = "glm",
    .aliases = {},
    .summary = "GLM-4 (2024) and GLM-Edge",
    .source = "mlx-lm 0.32.2 models/glm.py",
    .spec = model,
};

}  // namespace burin::models
