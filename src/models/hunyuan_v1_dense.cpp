// Hunyuan dense: norms of q and k after the rotation, whose base grows with `alpha`.
#include <cmath>

#include "models/architecture.h"
#include "models/config.h"

namespace burin::models {
namespace {

nn::LayerSpec block(const JsonView& config, const CommonConfig& common) {
  nn::LayerSpec layer = plain_layer(common);
  layer.attention.qkv_bias = layer.attention.o_bias = config.boolean_or("attention_bias", false);
  if (config.boolean_or("use_qk_norm", true)) {
    layer.attention.qk_norm = nn::QkNorm::PerHead;
    layer.attention.norm_after_rope = true;
  }
  const auto scaling = config.object(config.has("rope_scaling") ? "rope_scaling" : "rope_parameters");
  const double alpha = scaling && scaling->has("alpha") ? positive_number(*scaling, "alpha") : 1.0;
  const double dims = common.head_dim;
  const double theta = rope_number(config, "rope_theta", 10000.0) * std::pow(alpha, dims / (dims - 2.0));
  layer.attention.rope = plain_rope(config, common.head_dim, theta);
  return layer;
}

nn::DecoderSpec model(const JsonView& config, const HasTensor& /*has_tensor*/) {
  const CommonConfig common = read_common(config, {.common = {.max_position_embeddings = 32768}});
  nn::DecoderSpec spec = plain_decoder(config, common, block(config, common));
  spec.names.layer.q_norm = "query_layernorm";
  spec.names.layer.k_norm = "key_layernorm";
  spec.tied_head = config.boolean_or("tie_word_embeddings", false);
  return spec;
}

}  // namespace

extern const Architecture hunyuan_v1_dense_architecture{
    .model_type = "hunyuan_v1_dense",
    .aliases = {},
    .summary = "Hunyuan dense",
    .source = "mlx-lm 0.32.2 models/hunyuan_v1_dense.py",
    .spec = model,
};

}  // namespace burin::models
