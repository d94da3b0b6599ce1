#include "quantize/gguf_names.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace burin::quantize {
namespace {

struct NameRule {
  std::string_view gguf;
  std::string_view mlx;
};
constexpr std::array<NameRule, 3> kGlobalNames{
    {{"token_embd", "model.embed_tokens"}, {"output_norm", "model.norm"}, {"output", "lm_head"}}};
constexpr std::array<NameRule, 14> kLayerNames{{{"attn_q", "self_attn.q_proj"},
                                                {"attn_k", "self_attn.k_proj"},
                                                {"attn_v", "self_attn.v_proj"},
                                                {"attn_qkv", "self_attn.qkv_proj"},
                                                {"attn_output", "self_attn.o_proj"},
                                                {"attn_q_norm", "self_attn.q_norm"},
                                                {"attn_k_norm", "self_attn.k_norm"},
                                                {"attn_norm", "input_layernorm"},
                                                {"post_attention_norm", "post_attention_layernorm"},
                                                {"post_ffw_norm", "post_feedforward_layernorm"},
                                                {"ffn_norm", "post_attention_layernorm"},
                                                {"ffn_gate", "mlp.gate_proj"},
                                                {"ffn_up", "mlp.up_proj"},
                                                {"ffn_down", "mlp.down_proj"}}};
constexpr std::array<std::string_view, 3> kConsumedByConfig{"rope_freqs.weight", "rope_factors_long.weight",
                                                            "rope_factors_short.weight"};

template <size_t N>
std::optional<std::string> lookup(const std::array<NameRule, N>& rules, std::string_view part) {
  const auto it = std::ranges::find(rules, part, &NameRule::gguf);
  return it == rules.end() ? std::nullopt : std::optional<std::string>(it->mlx);
}

std::optional<std::string> layer_path(std::string_view part, const GgufFamily& family) {
  if (part == "ffn_norm" && family.sandwich_norms) {
    return "pre_feedforward_layernorm";
  }
  if (part == "ffn_up" && family.fused_projections) {
    return "mlp.gate_up_proj";
  }
  if (family.plain_mlp && (part == "ffn_up" || part == "ffn_down")) {
    return part == "ffn_up" ? "mlp.c_fc" : "mlp.c_proj";
  }
  return lookup(kLayerNames, part);
}

}  // namespace

std::optional<std::string> module_path(std::string_view stem, const GgufFamily& family) {
  if (!stem.starts_with("blk.")) {
    return lookup(kGlobalNames, stem);
  }
  const size_t dot = stem.find('.', 4);
  const std::string_view index = stem.substr(4, dot == std::string_view::npos ? dot : dot - 4);
  if (dot == std::string_view::npos || index.empty() || index.size() > 4 ||
      !std::ranges::all_of(index, [](char c) { return c >= '0' && c <= '9'; })) {
    return std::nullopt;
  }
  const auto part = layer_path(stem.substr(dot + 1), family);
  return part ? std::optional(fmt::format("model.layers.{}.{}", index, *part)) : std::nullopt;
}

bool is_consumed_by_config(std::string_view name) {
  return std::ranges::find(kConsumedByConfig, name) != kConsumedByConfig.end();
}

}  // namespace burin::quantize
