// OLMo 3: OLMo 2 with sliding layers, which rotate without scaling.
#include "models/architecture.h"
#include "models/config.h"

namespace burin::models {
namespace {

nn::LayerSpec block(const JsonView& config, const CommonConfig& common, int window) {
  nn::LayerSpec layer = plain_layer(common);
  layer.attention.qkv_bias = layer.attention.o_bias = config.boolean_or("attention_bias", false);
  layer.attention.qk_norm = nn::QkNorm::Whole;
  layer.attention.rope = read_rope(config, common.head_dim, common.max_position_embeddings, std::nullopt);
  layer.attention.rope.traditional = false;
  if (window > 0) {
    layer.attention.window = window;
    layer.attention.rope.kind = nn::RopeKind::Default;
  }
  return layer;
}

/** Every fourth layer is full where `layer_types` says nothing. */
std::vector<int> windows_of(const JsonView& config, size_t layers) {
  if (config.has("layer_types")) {
    return read_windows(config, layers);
  }
  std::vector<int> windows(layers, static_cast<int>(config.integer("sliding_window", 1, 1 << 30)));
  for (size_t i = 3; i < layers; i += 4) {
    windows[i] = 0;
  }
  return windows;
}

nn::DecoderSpec model(const JsonView& config, const HasTensor& /*has_tensor*/) {
  const CommonConfig common = read_common(config);
  nn::DecoderSpec spec = plain_decoder(config, common, block(config, common, 0));
  const std::vector<int> windows = windows_of(config, spec.layers.size());
  for (size_t i = 0; i < windows.size(); ++i) {
    spec.layers[i] = block(config, common, windows[i]);
  }
  norms_after(spec.names.layer);
  spec.tied_head = config.boolean_or("tie_word_embeddings", false);
  return spec;
}

}  // namespace

extern const Architecture olmo3_architecture{
    .model_type = "olmo3",
    .aliases = {},
    .summary = "OLMo 3",
    .source = "mlx-lm 0.32.2 models/olmo3.py",
    .spec = model,
};

}  // namespace burin::models
