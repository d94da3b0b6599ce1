// Gemma 2: norms around each branch, capped attention scores and logits.
#include <cmath>

#include "models/architecture.h"
#include "models/config.h"

namespace burin::models {
namespace {

nn::LayerSpec block(const JsonView& config, const CommonConfig& common) {
  nn::LayerSpec layer = plain_layer(common);
  layer.norm.plus_one = true;
  layer.attention.scale = 1.0 / std::sqrt(positive_number(config, "query_pre_attn_scalar", 144.0));
  layer.attention.softcap = positive_number(config, "attn_logit_softcapping", 50.0);
  layer.attention.rope = plain_rope(config, common.head_dim, rope_number(config, "rope_theta", 10000.0),
                                    config.boolean_or("rope_traditional", false));
  layer.ffn.activation = nn::Activation::GeluTanh;
  return layer;
}

nn::DecoderSpec model(const JsonView& config, const HasTensor& /*has_tensor*/) {
  const CommonConfig common = read_common(config);
  nn::DecoderSpec spec = plain_decoder(config, common, block(config, common));
  norms_around(spec.names.layer);
  spec.embedding_scale = std::sqrt(static_cast<double>(common.hidden_size));
  spec.logit_softcap = positive_number(config, "final_logit_softcapping", 30.0);
  return spec;
}

}  // namespace

extern const Architecture gemma2_architecture{
    .model_type = "gemma2",
    .aliases = {},
    .summary = "Gemma 2",
    .source = "mlx-lm 0.32.2 models/gemma2.py",
    .spec = model,
};

}  // namespace burin::models
