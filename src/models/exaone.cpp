// EXAONE 3: Llama under names of its own.
#include "models/architecture.h"
#include "models/config.h"

namespace burin::models {
namespace {

nn::LayerSpec block(const JsonView& config, const CommonConfig& common) {
  nn::LayerSpec layer = plain_layer(common);
  layer.attention.qkv_bias = layer.attention.o_bias = config.boolean_or("attention_bias", false);
  layer.attention.rope = read_rope(config, common.head_dim, common.max_position_embeddings, std::nullopt);
  layer.ffn.bias = config.boolean_or("mlp_bias", false);
  return layer;
}

nn::Names names() {
  nn::Names names{.embed_tokens = "transformer.wte", .layers = "transformer.h", .norm = "transformer.ln_f"};
  names.layer.attention = "attn.attention";
  names.layer.o = "out_proj";
  names.layer.gate = "c_fc_0";
  names.layer.up = "c_fc_1";
  names.layer.down = "c_proj";
  names.layer.before_attention = "ln_1";
  names.layer.before_ffn = "ln_2";
  return names;
}

nn::DecoderSpec model(const JsonView& config, const HasTensor& /*has_tensor*/) {
  const CommonConfig common =
      read_common(config, {.keys = {.num_hidden_layers = "num_layers", .norm_eps = "layer_norm_epsilon"}});
  nn::DecoderSpec spec = plain_decoder(config, common, block(config, common));
  spec.names = names();
  spec.tied_head = config.boolean_or("tie_word_embeddings", true);
  return spec;
}

}  // namespace

extern const Architecture exaone_architecture{
    .model_type = "exaone",
    .aliases = {},
    .summary = "EXAONE 3 and 3.5",
    .source = "mlx-lm 0.32.2 models/exaone.py",
    .spec = model,
};

}  // namespace burin::models
