// The table of GGUF architectures, one row each, and what their config.json has beyond the common keys.
#include <algorithm>
#include <array>

#include "base/error.h"
#include "quantize/gguf_config.h"

namespace burin::quantize {
namespace {

constexpr int64_t kMaxDim = int64_t{1} << 20;
constexpr int64_t kMaxContext = int64_t{1} << 30;

bool has_tensor(const GgufFile& gguf, const char* name) {
  return gguf.find_tensor(name) != nullptr;
}

void extend_llama(Json& config, const GgufFile& gguf) {
  config["attention_bias"] = has_tensor(gguf, "blk.0.attn_q.bias");
  config["mlp_bias"] = has_tensor(gguf, "blk.0.ffn_up.bias");
}

/** The file does not keep it: hidden size per head in the largest model of the family, the head size elsewhere. */
int64_t query_scalar(const Json& config, int64_t layers_of_largest) {
  return config["num_hidden_layers"].get<int64_t>() == layers_of_largest
             ? config["hidden_size"].get<int64_t>() / config["num_attention_heads"].get<int64_t>()
             : config["head_dim"].get<int64_t>();
}

void extend_gemma2(Json& config, const GgufFile& gguf) {
  config["attn_logit_softcapping"] = shortest(gguf.number_or("gemma2.attn_logit_softcapping", 50.0));
  config["final_logit_softcapping"] = shortest(gguf.number_or("gemma2.final_logit_softcapping", 30.0));
  config["sliding_window"] = gguf.integer_or("gemma2.attention.sliding_window", 4096, 1, kMaxContext);
  config["query_pre_attn_scalar"] = query_scalar(config, 46);
}

void extend_gemma3(Json& config, const GgufFile& gguf) {
  config["sliding_window"] = gguf.integer("gemma3.attention.sliding_window", 1, kMaxContext);
  config["sliding_window_pattern"] = 6;
  config["rope_local_base_freq"] = 10000.0;
  config["query_pre_attn_scalar"] = query_scalar(config, 62);
}

void extend_phi3(Json& config, const GgufFile& gguf) {
  const auto head_dim = config["head_dim"].get<int64_t>();
  const int64_t rotated = gguf.integer_or("phi3.rope.dimension_count", head_dim, 2, kMaxDim);
  config["partial_rotary_factor"] = static_cast<double>(rotated) / static_cast<double>(head_dim);
  config["original_max_position_embeddings"] =
      gguf.integer_or("phi3.rope.scaling.original_context_length", 4096, 1, kMaxContext);
}

void extend_granite(Json& config, const GgufFile& gguf) {
  extend_llama(config, gguf);
  config["attention_multiplier"] = shortest(gguf.number("granite.attention.scale"));
  config["embedding_multiplier"] = shortest(gguf.number("granite.embedding_scale"));
  config["residual_multiplier"] = shortest(gguf.number("granite.residual_scale"));
  config["logits_scaling"] = shortest(gguf.number("granite.logit_scale"));
}

void extend_seed_oss(Json& config, const GgufFile& gguf) {
  extend_llama(config, gguf);
  config["attention_out_bias"] = has_tensor(gguf, "blk.0.attn_output.bias");
}

void extend_ernie(Json& config, const GgufFile& gguf) {
  config["use_bias"] = has_tensor(gguf, "blk.0.attn_q.bias");
}

void extend_command_r(Json& config, const GgufFile& gguf) {
  config["logit_scale"] = shortest(gguf.number("command-r.logit_scale"));
  config["use_qk_norm"] = has_tensor(gguf, "blk.0.attn_q_norm.weight");
  config["attention_bias"] = has_tensor(gguf, "blk.0.attn_q.bias");
}

void extend_cohere2(Json& config, const GgufFile& gguf) {
  config["logit_scale"] = shortest(gguf.number("cohere2.logit_scale"));
  config["sliding_window"] = gguf.integer("cohere2.attention.sliding_window", 1, kMaxContext);
  config["sliding_window_pattern"] = 4;
  config["attention_bias"] = has_tensor(gguf, "blk.0.attn_q.bias");
}

constexpr std::array<GgufFamily, 15> kFamilies{{
    {.architecture = "cohere2",
     .model_type = "cohere2",
     .class_name = "Cohere2ForCausalLM",
     .norm_eps = "layer_norm_eps",
     .extend = extend_cohere2},
    {.architecture = "command-r",
     .model_type = "cohere",
     .class_name = "CohereForCausalLM",
     .norm_eps = "layer_norm_eps",
     .extend = extend_command_r},
    {.architecture = "ernie4_5", .model_type = "ernie4_5", .class_name = "Ernie4_5ForCausalLM", .extend = extend_ernie},
    {.architecture = "gemma", .model_type = "gemma", .class_name = "GemmaForCausalLM", .norms_plus_one = true},
    {.architecture = "gemma2",
     .model_type = "gemma2",
     .class_name = "Gemma2ForCausalLM",
     .norms_plus_one = true,
     .sandwich_norms = true,
     .extend = extend_gemma2},
    {.architecture = "gemma3",
     .model_type = "gemma3_text",
     .class_name = "Gemma3ForCausalLM",
     .norms_plus_one = true,
     .sandwich_norms = true,
     .extend = extend_gemma3},
    {.architecture = "granite",
     .model_type = "granite",
     .class_name = "GraniteForCausalLM",
     .interleaved_qk = true,
     .extend = extend_granite},
    {.architecture = "llama",
     .model_type = "llama",
     .class_name = "LlamaForCausalLM",
     .interleaved_qk = true,
     .extend = extend_llama},
    {.architecture = "olmo2", .model_type = "olmo2", .class_name = "Olmo2ForCausalLM"},
    {.architecture = "phi3",
     .model_type = "phi3",
     .class_name = "Phi3ForCausalLM",
     .fused_projections = true,
     .extend = extend_phi3},
    {.architecture = "qwen2", .model_type = "qwen2", .class_name = "Qwen2ForCausalLM"},
    {.architecture = "qwen3", .model_type = "qwen3", .class_name = "Qwen3ForCausalLM"},
    {.architecture = "seed_oss",
     .model_type = "seed_oss",
     .class_name = "SeedOssForCausalLM",
     .extend = extend_seed_oss},
    {.architecture = "smollm3",
     .model_type = "smollm3",
     .class_name = "SmolLM3ForCausalLM",
     .interleaved_qk = true,
     .extend = extend_llama},
    {.architecture = "starcoder2",
     .model_type = "starcoder2",
     .class_name = "Starcoder2ForCausalLM",
     .plain_mlp = true,
     .norm_eps = "norm_epsilon"},
}};

}  // namespace

const GgufFamily& find_family(const GgufFile& gguf) {
  const std::string& architecture = gguf.string("general.architecture");
  const auto it = std::ranges::find(kFamilies, architecture, &GgufFamily::architecture);
  if (it == kFamilies.end()) {
    std::string known;
    for (const GgufFamily& family : kFamilies) {
      known += known.empty() ? "" : ", ";
      known += family.architecture;
    }
    throw Error(ErrorCode::Unsupported, gguf.name(), "GGUF architecture \"" + architecture + "\"")
        .hint("supported: " + known);
  }
  return *it;
}

}  // namespace burin::quantize
