// Phi-3 and Phi-4-mini: fused qkv and gate_up projections, partial rotation, longrope.
#include "models/architecture.h"
#include "models/config.h"

namespace burin::models {
namespace {

/** Other scaling types than these are switched off, as the reference does with a warning. */
bool uses_scaling(const nn::RopeSpec& rope) {
  return rope.kind == nn::RopeKind::LongRope || rope.kind == nn::RopeKind::Linear;
}

nn::LayerSpec block(const JsonView& config, const CommonConfig& common) {
  nn::LayerSpec layer = plain_layer(common);
  layer.attention.layout = nn::QkvLayout::Blocks;
  const double rotated = common.head_dim * rope_number(config, "partial_rotary_factor", 1.0);
  layer.attention.rope = read_rope(config, static_cast<int>(rotated), common.max_position_embeddings, 10000.0);
  if (!uses_scaling(layer.attention.rope)) {
    layer.attention.rope.kind = nn::RopeKind::Default;
  }
  // This class takes the original length from the top level only.
  layer.attention.rope.original_max_position_embeddings =
      static_cast<int>(config.integer_or("original_max_position_embeddings", 4096, 2, 1 << 30));
  layer.ffn.layout = nn::GateUpLayout::GateFirst;
  return layer;
}

nn::DecoderSpec model(const JsonView& config, const HasTensor& /*has_tensor*/) {
  CommonConfig common = read_common(config, {.common = {.max_position_embeddings = 131072}});
  common.head_dim = common.hidden_size / common.num_attention_heads;  // config's head_dim is not read
  nn::DecoderSpec spec = plain_decoder(config, common, block(config, common));
  spec.tied_head = config.boolean_or("tie_word_embeddings", false);
  return spec;
}

}  // namespace

extern const Architecture phi3_architecture{
    .model_type = "phi3",
    .aliases = {},
    .summary = "Phi-3, Phi-3.5 and Phi-4-mini",
    .source = "mlx-lm 0.32.2 models/phi3.py",
    .spec = model,
};

}  // namespace burin::models
