// MiMo: Llama with biases on q, k and v; its layers for multi-token prediction are not used.
#include "models/architecture.h"
#include "models/config.h"

namespace burin::models {
namespace {

std::optional<SanitizedName> sanitize(const std::string& name) {
  return name.starts_with("model.mtp_layers.") ? std::nullopt : std::optional<SanitizedName>({.name = name});
}

nn::LayerSpec block(const JsonView& config, const CommonConfig& common) {
  nn::LayerSpec layer = plain_layer(common);
  layer.attention.qkv_bias = true;
  layer.attention.rope = read_rope(config, common.head_dim, common.max_position_embeddings, 10000.0);
  return layer;
}

nn::DecoderSpec model(const JsonView& config, const HasTensor& /*has_tensor*/) {
  const CommonConfig common =
      read_common(config, {.common = {.max_position_embeddings = 32768}, .keys = {.head_dim = ""}});
  nn::DecoderSpec spec = plain_decoder(config, common, block(config, common));
  spec.tied_head = config.boolean_or("tie_word_embeddings", false);
  return spec;
}

}  // namespace

extern const Architecture mimo_architecture{
    .model_type = "mimo",
    .aliases = {},
    .summary = "MiMo 7B",
    .source = "mlx-lm 0.32.2 models/mimo.py",
    .spec = model,
    .sanitize = sanitize,
};

}  // namespace burin::models
