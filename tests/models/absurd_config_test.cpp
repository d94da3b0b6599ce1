// Every architecture against every key of its config.json replaced by nonsense.
#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "models/architecture.h"

namespace burin::models {
namespace {

/** One config.json that every architecture takes: the keys of all families together. */
Json whole_config(std::string_view model_type) {
  Json config = parse_json(R"({"hidden_size":64,"n_embd":64,"num_hidden_layers":4,"num_layers":4,"n_layer":4,
    "intermediate_size":96,"num_attention_heads":4,"n_head":4,"num_key_value_heads":2,"head_dim":16,"kv_channels":16,
    "vocab_size":100,"max_position_embeddings":512,"n_positions":512,"rms_norm_eps":1e-5,"norm_eps":1e-5,
    "norm_epsilon":1e-5,"layer_norm_eps":1e-5,"layer_norm_epsilon":1e-5,"rope_theta":10000.0,"rope_traditional":false,
    "rope_scaling":{"type":"linear","factor":2.0,"alpha":2.0},"partial_rotary_factor":0.5,"rotary_pct":0.25,
    "rotary_emb_base":10000,"tie_word_embeddings":false,"attention_bias":true,"mlp_bias":true,"sliding_window":8,
    "sliding_window_pattern":2,"layer_types":["sliding_attention","full_attention","sliding_attention",
    "full_attention"],"no_rope_layers":[1,1,0,1],"no_rope_layer_interval":2,"query_pre_attn_scalar":16,
    "attn_logit_softcapping":50.0,"final_logit_softcapping":30.0,"logits_scaling":8.0,"attention_multiplier":0.1,
    "embedding_multiplier":12.0,"residual_multiplier":0.2,"logit_scale":0.1,"scale_depth":1.4,"scale_emb":12.0,
    "d_model":64,"n_layers":4,"n_heads":4,"embedding_size":100,"mlp_hidden_size":96,"mlp_ratio":4,
    "max_sequence_length":512,"weight_tying":false,"alibi":false,"clip_qkv":null,"ff_intermediate_size":96,
    "dense_attention_every_n_layers":2,"gegelu_limit":20.0,"mup_attn_multiplier":1.0,"mup_use_scaling":true,
    "mup_embedding_multiplier":10.0,"mup_width_multiplier":8.0,"rope_embedding_base":1000000,
    "rope_position_scale":1.0,"blocksparse_block_size":64,"blocksparse_num_local_blocks":16,
    "blocksparse_vert_stride":8,"dim_model_base":32,"use_bias":true,"rope_local_base_freq":10000.0,"original_max_position_embeddings":64})",
                           "config.json");
  if (model_type == "exaone4") {
    config["sliding_window_pattern"] = "LLG";
  }
  if (model_type == "gemma3" || model_type == "mistral3") {
    const Json text = config;
    config["text_config"] = text;
  }
  config["model_type"] = model_type;
  return config;
}

nn::DecoderSpec spec_of(const Architecture& architecture, const Json& config) {
  return architecture.spec(JsonView(config, "config.json"), [](const std::string&) { return true; });
}

bool is_sane(const nn::DecoderSpec& spec) {
  bool sane = !spec.layers.empty() && spec.hidden_size > 0 && spec.vocab_size > 0;
  for (const nn::LayerSpec& layer : spec.layers) {
    const nn::AttentionSpec& a = layer.attention;
    sane = sane && a.heads > 0 && a.kv_heads > 0 && a.heads % a.kv_heads == 0 && a.rope.dims >= 0 && a.window >= 0 &&
           (a.sparsity.block_size == 0 || a.sparsity.vertical_stride > 0) && !std::isnan(a.scale) && layer.norm.eps > 0;
  }
  return sane;
}

void replace_each(const Architecture& architecture, const Json& nonsense) {
  const Json good = whole_config(architecture.model_type);
  for (const auto& [key, value] : good.items()) {
    Json config = good;
    config[key] = nonsense;
    try {
      EXPECT_TRUE(is_sane(spec_of(architecture, config))) << architecture.model_type << " " << key << " " << nonsense;
    } catch (const Error& error) {
      const bool typed = error.code() == ErrorCode::Corrupt || error.code() == ErrorCode::Unsupported;
      EXPECT_TRUE(typed) << architecture.model_type << " " << key << " " << nonsense << ": " << error.what();
    }
  }
}

TEST(AbsurdConfig, EveryArchitectureTakesTheWholeConfig) {
  for (const Architecture* architecture : architectures()) {
    EXPECT_TRUE(is_sane(spec_of(*architecture, whole_config(architecture->model_type)))) << architecture->model_type;
  }
}

TEST(AbsurdConfig, NonsenseIsATypedErrorOrHarmless) {
  const Json values = parse_json(
      R"([0,-1,1,3,1048576,1099511627776,1e308,-1e-308,0.3,"","x",[],[0],{},{"type":"llama3"},true,null])", "values");
  for (const Architecture* architecture : architectures()) {
    for (const Json& nonsense : values) {
      replace_each(*architecture, nonsense);
    }
  }
}

}  // namespace
}  // namespace burin::models
