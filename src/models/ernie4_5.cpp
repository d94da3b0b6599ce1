// ERNIE 4.5: Llama with interleaved rotation and one switch for all biases.
#include "models/architecture.h"
#include "models/config.h"

namespace burin::models {
namespace {

nn::LayerSpec block(const JsonView& config, const CommonConfig& common) {
  nn::LayerSpec layer = plain_layer(common);
  layer.attention.qkv_bias = layer.attention.o_bias = layer.ffn.bias = config.boolean_or("use_bias", false);
  layer.attention.rope = read_rope(config, common.head_dim, common.max_position_embeddings, std::nullopt);
  layer.attention.rope.kind = nn::RopeKind::Default;
  layer.attention.rope.traditional = true;
  return layer;
}

nn::DecoderSpec model(const JsonView& config, const HasTensor& /*has_tensor*/) {
  const CommonConfig common = read_common(config);
  nn::DecoderSpec spec = plain_decoder(config, common, block(config, common));
  spec.tied_head = config.boolean_or("tie_word_embeddings", true);
  return spec;
}

}  // namespace

extern const Architecture ernie4_5_architecture{
    .model_type = "ernie4_5",
    .aliases = {},
    .summary = "ERNIE 4.5 dense",
    .source = "mlx-lm 0.32.2 models/ernie4_5.py",
    .spec = model,
};

}  // namespace burin::models
