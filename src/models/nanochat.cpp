// nanochat: norms without weights, squared ReLU, rotation the other way round, capped logits.
#include "models/architecture.h"
#include "models/config.h"

namespace burin::models {
namespace {

constexpr CommonConfig kDefaults{.hidden_size = 1280,
                                 .num_hidden_layers = 20,
                                 .intermediate_size = 5120,
                                 .num_attention_heads = 10,
                                 .num_key_value_heads = 10,
                                 .vocab_size = 65536,
                                 .max_position_embeddings = 2048,
                                 .rms_norm_eps = 1e-5};

nn::LayerSpec block(const JsonView& config, const CommonConfig& common) {
  nn::LayerSpec layer = plain_layer(common);
  layer.norm = {.eps = 1e-5, .weight = false};
  layer.attention.qk_norm = nn::QkNorm::PerHead;
  layer.attention.norm_after_rope = true;
  layer.attention.rope = plain_rope(config, common.head_dim, rope_number(config, "rope_theta", 10000.0));
  layer.attention.rope.reversed = true;
  layer.ffn.activation = nn::Activation::Relu2;
  layer.ffn.gated = false;
  return layer;
}

nn::Names names() {
  nn::Names names{.embed_tokens = "transformer.wte", .layers = "transformer.h"};
  names.layer.attention = "attn";
  names.layer.q = "c_q";
  names.layer.k = "c_k";
  names.layer.v = "c_v";
  names.layer.o = "c_proj";
  names.layer.up = "c_fc";
  names.layer.down = "c_proj";
  return names;
}

nn::DecoderSpec model(const JsonView& config, const HasTensor& /*has_tensor*/) {
  const CommonConfig common = read_common(config, {.common = kDefaults, .keys = {.head_dim = "", .norm_eps = ""}});
  nn::DecoderSpec spec = plain_decoder(config, common, block(config, common));
  spec.names = names();
  spec.embedding_norm = spec.final_norm;
  spec.tied_head = false;
  spec.logit_softcap = 15.0;
  return spec;
}

}  // namespace

extern const Architecture nanochat_architecture{
    .model_type = "nanochat",
    .aliases = {},
    .summary = "nanochat",
    .source = "mlx-lm 0.32.2 models/nanochat.py",
    .spec = model,
};

}  // namespace burin::models
