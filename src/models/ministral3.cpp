// Ministral 3: Llama whose rotation is in rope_parameters and whose queries grow with the position.
#include "models/architecture.h"
#include "models/config.h"

namespace burin::models {
namespace {

nn::LayerSpec block(const JsonView& config, const CommonConfig& common) {
  nn::LayerSpec layer = plain_layer(common);
  layer.attention.rope = read_rope(config, common.head_dim, common.max_position_embeddings, std::nullopt);
  layer.attention.rope.traditional = false;
  if (const auto parameters = config.object("rope_parameters")) {
    layer.attention.rope.theta = positive_number(*parameters, "rope_theta", layer.attention.rope.theta);
    layer.attention.temperature_beta = parameters->number_or("llama_4_scaling_beta", 0.0);
    layer.attention.temperature_length =
        static_cast<int>(parameters->integer_or("original_max_position_embeddings", 1, 1, 1 << 30));
  }
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

extern const Architecture ministral3_architecture{
    .model_type = "ministral3",
    .aliases = {},
    .summary = "Ministral 3",
    .source = "mlx-lm 0.32.2 models/ministral3.py",
    .spec = model,
};

}  // namespace burin::models
