// Gemma: norms with 1 + w, embeddings times sqrt(hidden_size), exact GELU gates.
#include <cmath>

#include "models/architecture.h"
#include "models/config.h"

namespace burin::models {
namespace {

nn::LayerSpec block(const JsonView& config, const CommonConfig& common) {
  nn::LayerSpec layer = plain_layer(common);
  layer.norm.plus_one = true;
  layer.attention.rope = plain_rope(config, common.head_dim, rope_number(config, "rope_theta", 10000.0),
                                    config.boolean_or("rope_traditional", false));
  layer.ffn.activation = nn::Activation::Gelu;
  return layer;
}

nn::DecoderSpec model(const JsonView& config, const HasTensor& /*has_tensor*/) {
  const CommonConfig common = read_common(config);
  nn::DecoderSpec spec = plain_decoder(config, common, block(config, common));
  spec.embedding_scale = std::sqrt(static_cast<double>(common.hidden_size));
  return spec;
}

}  // namespace

extern const Architecture gemma_architecture{
    .model_type = "gemma",
    .aliases = {},
    .summary = "Gemma 1",
    .source = "mlx-lm 0.32.2 models/gemma.py",
    .spec = model,
};

}  // namespace burin::models
