// Qwen 2 and 2.5: Llama with biases on q, k and v.
#include "models/architecture.h"
#include "models/config.h"

namespace burin::models {
namespace {

nn::LayerSpec block(const JsonView& config, const CommonConfig& common) {
  nn::LayerSpec layer = plain_layer(common);
  layer.attention.qkv_bias = true;
  layer.attention.rope = read_rope(config, common.head_dim, common.max_position_embeddings, 1000000.0);
  return layer;
}

nn::DecoderSpec model(const JsonView& config, const HasTensor& /*has_tensor*/) {
  CommonConfig common = read_common(config, {.common = {.max_position_embeddings = 32768}});
  common.head_dim = common.hidden_size / common.num_attention_heads;  // config's head_dim is not read
  nn::DecoderSpec spec = plain_decoder(config, common, block(config, common));
  spec.tied_head = config.boolean_or("tie_word_embeddings", true);
  return spec;
}

}  // namespace

extern const Architecture qwen2_architecture{
    .model_type = "qwen2",
    .aliases = {},
    .summary = "Qwen 2 and 2.5, and models distilled into them",
    .source = "mlx-lm 0.32.2 models/qwen2.py",
    .spec = model,
};

}  // namespace burin::models
