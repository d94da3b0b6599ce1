// EXAONE 4: norms after each branch and of q and k; a pattern of layers that slide and alone rotate.
#include "models/architecture.h"
#include "models/config.h"

namespace burin::models {
namespace {

nn::LayerSpec block(const JsonView& config, const CommonConfig& common, char kind) {
  nn::LayerSpec layer = plain_layer(common);
  layer.attention.qk_norm = nn::QkNorm::PerHead;
  layer.attention.rope = read_rope(config, common.head_dim, common.max_position_embeddings, std::nullopt);
  layer.attention.rope.traditional = false;
  if (kind == 'G') {
    layer.attention.rope.dims = 0;
  } else if (kind == 'L') {
    layer.attention.window = static_cast<int>(config.integer("sliding_window", 1, 1 << 30));
  }
  return layer;
}

nn::DecoderSpec model(const JsonView& config, const HasTensor& /*has_tensor*/) {
  const CommonConfig common = read_common(config);
  nn::DecoderSpec spec = plain_decoder(config, common, block(config, common, ' '));
  const std::string pattern = config.string_or("sliding_window_pattern", "");
  for (size_t i = 0; !pattern.empty() && i < spec.layers.size(); ++i) {
    spec.layers[i] = block(config, common, pattern[i % pattern.size()] == 'L' ? 'L' : 'G');
  }
  norms_after(spec.names.layer);
  spec.tied_head = config.boolean_or("tie_word_embeddings", false);
  return spec;
}

}  // namespace

extern const Architecture exaone4_architecture{
    .model_type = "exaone4",
    .aliases = {},
    .summary = "EXAONE 4",
    .source = "mlx-lm 0.32.2 models/exaone4.py",
    .spec = model,
};

}  // namespace burin::models
