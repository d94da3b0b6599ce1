// Llama and what shares its graph; sliding layers where `layer_types` names them.
#include "models/architecture.h"
#include "models/config.h"

namespace burin::models {
namespace {

nn::LayerSpec block(const JsonView& config, const CommonConfig& common) {
  nn::LayerSpec layer = plain_layer(common);
  layer.attention.qkv_bias = layer.attention.o_bias = config.boolean_or("attention_bias", false);
  layer.attention.rope = read_rope(config, common.head_dim, common.max_position_embeddings, 10000.0);
  layer.ffn.bias = config.boolean_or("mlp_bias", false);
  return layer;
}

nn::DecoderSpec model(const JsonView& config, const HasTensor& /*has_tensor*/) {
  const CommonConfig common = read_common(config);
  nn::DecoderSpec spec = plain_decoder(config, common, block(config, common));
  set_windows(spec, config);
  spec.tied_head = config.boolean_or("tie_word_embeddings", true);
  return spec;
}

}  // namespace

extern const Architecture llama_architecture{
    .model_type = "llama",
    .aliases = {"iquestcoder", "mistral", "xverse"},
    .summary = "Llama 1 to 3, Mistral, SmolLM2 and others of the same graph",
    .source = "mlx-lm 0.32.2 models/llama.py",
    .spec = model,
};

}  // namespace burin::models
