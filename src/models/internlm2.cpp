// InternLM 2: q, k and v of one key group side by side in one matrix.
#include "models/architecture.h"
#include "models/config.h"

namespace burin::models {
namespace {

nn::LayerSpec block(const JsonView& config, const CommonConfig& common) {
  nn::LayerSpec layer = plain_layer(common);
  layer.attention.layout = nn::QkvLayout::Groups;
  layer.attention.qkv_bias = layer.attention.o_bias = config.boolean_or("bias", true);
  layer.attention.rope = read_rope(config, common.head_dim, common.max_position_embeddings, 10000.0);
  return layer;
}

nn::Names names() {
  nn::Names names{.embed_tokens = "model.tok_embeddings", .lm_head = "output"};
  names.layer.attention = "attention";
  names.layer.qkv = "wqkv";
  names.layer.o = "wo";
  names.layer.ffn = "feed_forward";
  names.layer.gate = "w1";
  names.layer.up = "w3";
  names.layer.down = "w2";
  names.layer.before_attention = "attention_norm";
  names.layer.before_ffn = "ffn_norm";
  return names;
}

nn::DecoderSpec model(const JsonView& config, const HasTensor& /*has_tensor*/) {
  const CommonConfig common =
      read_common(config, {.common = {.max_position_embeddings = 32768}, .keys = {.head_dim = ""}});
  nn::DecoderSpec spec = plain_decoder(config, common, block(config, common));
  spec.names = names();
  spec.tied_head = config.boolean_or("tie_word_embeddings", false);
  return spec;
}

}  // namespace

extern const Architecture internlm2_architecture{
    .model_type = "internlm2",
    .aliases = {},
    .summary = "InternLM 2 and 2.5",
    .source = "mlx-lm 0.32.2 models/internlm2.py",
    .spec = model,
};

}  // namespace burin::models
