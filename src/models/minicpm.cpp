// MiniCPM: Llama with scaled embeddings, residuals and, with a head of its own, logits.
#include <cmath>

#include "models/architecture.h"
#include "models/config.h"

namespace burin::models {
namespace {

nn::LayerSpec block(const JsonView& config, const CommonConfig& common) {
  nn::LayerSpec layer = plain_layer(common);
  layer.attention.rope = read_rope(config, common.head_dim, common.max_position_embeddings, 1000000.0);
  layer.residual_scale = config.number("scale_depth") / std::sqrt(static_cast<double>(common.num_hidden_layers));
  return layer;
}

nn::DecoderSpec model(const JsonView& config, const HasTensor& has_tensor) {
  const CommonConfig common = read_common(config, {.keys = {.head_dim = ""}});
  nn::DecoderSpec spec = plain_decoder(config, common, block(config, common));
  spec.embedding_scale = config.number("scale_emb");
  spec.tied_head = config.boolean_or("tie_word_embeddings", false);
  if (!spec.tied_head) {
    spec.logit_scale = positive_number(config, "dim_model_base") / common.hidden_size;
    spec.tied_head = !has_tensor("lm_head.weight");  // the embedding serves, scaled all the same
  }
  return spec;
}

}  // namespace

extern const Architecture minicpm_architecture{
    .model_type = "minicpm",
    .aliases = {},
    .summary = "MiniCPM 1 and 2",
    .source = "mlx-lm 0.32.2 models/minicpm.py",
    .spec = model,
};

}  // namespace burin::models
