// Qwen 3 dense: Llama with an RMS norm on each head of q and k before RoPE.
#include "models/architecture.h"
#include "models/config.h"

namespace burin::models {
namespace {

nn::LayerSpec block(const JsonView& config, const CommonConfig& common) {
  nn::LayerSpec layer = plain_layer(common);
  layer.attention.qk_norm = nn::QkNorm::PerHead;
  layer.attention.rope = read_rope(config, common.head_dim, common.max_position_embeddings, std::nullopt);
  layer.attention.rope.traditional = false;
  return layer;
}

nn::DecoderSpec model(const JsonView& config, const HasTensor& /*has_tensor*/) {
  const CommonConfig common = read_common(config);
  nn::DecoderSpec spec = plain_decoder(config, common, block(config, common));
  spec.tied_head = config.boolean_or("tie_word_embeddings", false);
  return spec;
}

}  // namespace

extern const Architecture qwen3_architecture{
    .model_type = "qwen3",
    .aliases = {},
    .summary = "Qwen 3 dense models",
    .source = "mlx-lm 0.32.2 models/qwen3.py",
    .spec = model,
};

}  // namespace burin::models
