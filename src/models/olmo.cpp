// OLMo as its authors' own package writes it: layer norms without weights, fused qkv and up | gate rows.
#include "base/error.h"
#include "models/architecture.h"
#include "models/config.h"

namespace burin::models {
namespace {

constexpr ConfigKeys kKeys{.hidden_size = "d_model",
                           .num_hidden_layers = "n_layers",
                           .intermediate_size = "",
                           .num_attention_heads = "n_heads",
                           .num_key_value_heads = "",
                           .head_dim = "",
                           .vocab_size = "embedding_size",
                           .max_position_embeddings = "max_sequence_length",
                           .norm_eps = ""};

/** The reference leaves these out in silence, and its answers are wrong where they are set. */
void refuse_variants(const JsonView& config) {
  for (const char* key :
       {"alibi", "attention_layer_norm", "include_bias", "layer_norm_with_affine", "multi_query_attention"}) {
    if (config.boolean_or(key, false)) {
      throw Error(ErrorCode::Unsupported, config.source(), "OLMo with \"" + std::string(key) + "\"");
    }
  }
  if (config.has("clip_qkv")) {
    throw Error(ErrorCode::Unsupported, config.source(), "OLMo with \"clip_qkv\"");
  }
  if (config.has("hidden_size") && !config.has("d_model")) {
    throw Error(ErrorCode::Unsupported, config.source(), "OLMo in the layout of transformers")
        .hint("use a conversion from the allenai/OLMo checkpoints without -hf in their names");
  }
}

nn::LayerSpec block(const JsonView& config, const CommonConfig& common) {
  nn::LayerSpec layer = plain_layer(common);
  layer.norm = {.kind = nn::NormKind::Layer, .eps = common.rms_norm_eps, .weight = false};
  layer.attention.layout = nn::QkvLayout::Blocks;
  layer.attention.rope = plain_rope(config, common.head_dim, rope_number(config, "rope_theta", 10000.0),
                                    config.boolean_or("rope_traditional", false));
  const int64_t ratio = config.integer_or("mlp_ratio", 4, 1, 64);
  const int64_t both = config.integer_or("mlp_hidden_size", ratio * common.hidden_size, 2, int64_t{1} << 20);
  layer.ffn.intermediate_size = static_cast<int>(both / 2);
  layer.ffn.layout = nn::GateUpLayout::UpFirst;
  return layer;
}

nn::Names names() {
  nn::Names names{.embed_tokens = "model.transformer.wte",
                  .layers = "model.transformer.blocks",
                  .lm_head = "model.transformer.ff_out"};
  names.layer.attention.clear();
  names.layer.qkv = "att_proj";
  names.layer.o = "attn_out";
  names.layer.ffn.clear();
  names.layer.gate_up = "ff_proj";
  names.layer.down = "ff_out";
  return names;
}

nn::DecoderSpec model(const JsonView& config, const HasTensor& /*has_tensor*/) {
  refuse_variants(config);
  const CommonConfig common = read_common(
      config,
      {.common = {.intermediate_size = 1, .max_position_embeddings = 2048, .rms_norm_eps = 1e-5}, .keys = kKeys});
  nn::DecoderSpec spec = plain_decoder(config, common, block(config, common));
  spec.names = names();
  spec.tied_head = config.boolean_or("weight_tying", false);
  return spec;
}

}  // namespace

extern const Architecture olmo_architecture{
    .model_type = "olmo",
    .aliases = {},
    .summary = "OLMo (2024)",
    .source = "mlx-lm 0.32.2 models/olmo.py",
    .spec = model,
};

}  // namespace burin::models
