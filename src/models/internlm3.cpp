// InternLM 3: Llama with separate bias switches.
#include "models/architecture.h"
#include "models/config.h"

namespace burin::models {
namespace {

nn::LayerSpec block(const JsonView& config, const CommonConfig& common) {
  nn::LayerSpec layer = plain_layer(common);
  layer.attention.qkv_bias = layer.attention.o_bias = config.boolean_or("qkv_bias", false);
  layer.attention.rope = read_rope(config, common.head_dim, common.max_position_embeddings, 10000.0);
  layer.ffn.bias = config.boolean_or("bias", false);
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

extern const Architecture internlm3_architecture{
    .model_type = "internlm3",
    .aliases = {},
    .summary = "InternLM 3",
    .source = "mlx-lm 0.32.2 models/internlm3.py",
    .spec = model,
};

}  // namespace burin::models
