// Seed-OSS: Llama with a bias switch for q, k, v and one for the output.
#include "models/architecture.h"
#include "models/config.h"

namespace burin::models {
namespace {

nn::LayerSpec block(const JsonView& config, const CommonConfig& common) {
  nn::LayerSpec layer = plain_layer(common);
  layer.attention.qkv_bias = config.boolean_or("attention_bias", false);
  layer.attention.o_bias = config.boolean_or("attention_out_bias", false);
  layer.attention.rope = read_rope(config, common.head_dim, common.max_position_embeddings, 10000.0);
  layer.ffn.bias = config.boolean_or("mlp_bias", false);
  return layer;
}

nn::DecoderSpec model(const JsonView& config, const HasTensor& /*has_tensor*/) {
  const CommonConfig common = read_common(config);
  nn::DecoderSpec spec = plain_decoder(config, common, block(config, common));
  spec.tied_head = config.boolean_or("tie_word_embeddings", true);
  return spec;
}

}  // namespace

extern const Architecture seed_oss_architecture{
    .model_type = "seed_oss",
    .aliases = {},
    .summary = "Seed-OSS",
    .source = "mlx-lm 0.32.2 models/seed_oss.py",
    .spec = model,
};

}  // namespace burin::models
