// OLMo 2: norms after each block only, and an RMS norm over the whole of q and of k.
#include "models/architecture.h"
#include "models/config.h"

namespace burin::models {
namespace {

nn::LayerSpec block(const JsonView& config, const CommonConfig& common) {
  nn::LayerSpec layer = plain_layer(common);
  layer.attention.qkv_bias = layer.attention.o_bias = config.boolean_or("attention_bias", false);
  layer.attention.qk_norm = nn::QkNorm::Whole;
  layer.attention.rope = read_rope(config, common.head_dim, common.max_position_embeddings, 10000.0);
  layer.ffn.bias = config.boolean_or("mlp_bias", false);
  return layer;
}

nn::DecoderSpec model(const JsonView& config, const HasTensor& /*has_tensor*/) {
  const CommonConfig common = read_common(config);
  nn::DecoderSpec spec = plain_decoder(config, common, block(config, common));
  norms_after(spec.names.layer);
  spec.tied_head = config.boolean_or("tie_word_embeddings", true);
  return spec;
}

}  // namespace

extern const Architecture olmo2_architecture{
    .model_type = "olmo2",
    .aliases = {},
    .summary = "OLMo 2",
    .source = "mlx-lm 0.32.2 models/olmo2.py",
    .spec = model,
};

}  // namespace burin::models
