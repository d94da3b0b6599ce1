// Helium: Llama with interleaved rotation.
#include "models/architecture.h"
#include "models/config.h"

namespace burin::models {
namespace {

nn::LayerSpec block(const JsonView& config, const CommonConfig& common) {
  nn::LayerSpec layer = plain_layer(common);
  layer.attention.qkv_bias = config.boolean_or("attention_bias", false);
  layer.attention.rope = plain_rope(config, common.head_dim, rope_number(config, "rope_theta"), true);
  layer.ffn.bias = config.boolean_or("mlp_bias", false);
  return layer;
}

nn::DecoderSpec model(const JsonView& config, const HasTensor& /*has_tensor*/) {
  const CommonConfig common = read_common(config, {.keys = {.head_dim = ""}});
  nn::DecoderSpec spec = plain_decoder(config, common, block(config, common));
  spec.tied_head = config.boolean_or("tie_word_embeddings", false);
  return spec;
}

}  // namespace

extern const Architecture helium_architecture{
    .model_type = "helium",
    .aliases = {},
    .summary = "Helium 1",
    .source = "mlx-lm 0.32.2 models/helium.py",
    .spec = model,
};

}  // namespace burin::models
