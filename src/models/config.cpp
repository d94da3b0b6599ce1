#include "models/config.h"

#include <cmath>

#include <fmt/format.h>

#include "base/error.h"

namespace burin::models {
namespace {

constexpr int64_t kMaxDim = int64_t{1} << 20;
constexpr int64_t kMaxLayers = 4096;
constexpr int64_t kMaxVocab = int64_t{1} << 24;
constexpr int64_t kMaxContext = int64_t{1} << 30;

int integer(const JsonView& config, std::string_view key, int fallback, int64_t high) {
  if (key.empty()) {
    return fallback;
  }
  return static_cast<int>(fallback > 0 ? config.integer_or(key, fallback, 1, high) : config.integer(key, 1, high));
}

nn::RopeKind rope_kind(const std::string& type, const JsonView& scaling) {
  if (type == "default" || type == "mrope") {
    return nn::RopeKind::Default;  // mrope rotates text as plain RoPE does
  }
  if (type == "linear") {
    return nn::RopeKind::Linear;
  }
  if (type == "llama3") {
    return nn::RopeKind::Llama3;
  }
  if (type == "yarn" || type == "deepseek_yarn" || type == "telechat3-yarn") {
    return nn::RopeKind::Yarn;
  }
  if (type == "longrope" || type == "su") {
    return nn::RopeKind::LongRope;
  }
  if (type == "dynamic") {
    return nn::RopeKind::Dynamic;
  }
  throw Error(ErrorCode::Unsupported, scaling.source(), "RoPE type \"" + type + "\"")
      .hint("supported: default, linear, llama3, yarn, longrope, dynamic, mrope");
}

void read_long_factor(nn::RopeSpec& rope, const JsonView& scaling) {
  const Json* factor = scaling.find("long_factor");
  if (factor != nullptr && factor->is_number()) {
    rope.long_factor = {scaling.number("long_factor")};
  } else {
    rope.long_factor = scaling.numbers_or("long_factor", {});
  }
  const size_t size = rope.long_factor.size();
  if (size != 1 && size != static_cast<size_t>(rope.dims / 2)) {
    throw Error(ErrorCode::Corrupt, scaling.source(),
                fmt::format("\"long_factor\" has {} entries, expected {}", size, rope.dims / 2));
  }
}

void read_scaling(nn::RopeSpec& rope, const JsonView& config, const JsonView& scaling) {
  const std::string type = scaling.string_or("type", scaling.string_or("rope_type", "default"));
  rope.kind = rope_kind(type, scaling);
  if (rope.kind == nn::RopeKind::Default) {
    return;
  }
  const bool longrope = rope.kind == nn::RopeKind::LongRope;
  rope.factor = longrope ? 1.0 : positive_number(scaling, "factor", 0.0);
  rope.low_freq_factor = positive_number(scaling, "low_freq_factor", 1.0);
  rope.high_freq_factor = positive_number(scaling, "high_freq_factor", 4.0);
  if (rope.kind == nn::RopeKind::Llama3 && rope.high_freq_factor == rope.low_freq_factor) {
    throw Error(ErrorCode::Corrupt, scaling.source(), "\"low_freq_factor\" and \"high_freq_factor\" are equal");
  }
  const int original = rope.kind == nn::RopeKind::Llama3 ? 8192 : 4096;
  const JsonView& holder = scaling.has("original_max_position_embeddings") ? scaling : config;
  rope.original_max_position_embeddings = integer(holder, "original_max_position_embeddings", original, kMaxContext);
  rope.beta_fast = positive_number(scaling, "beta_fast", 32.0);
  rope.beta_slow = positive_number(scaling, "beta_slow", 1.0);
  rope.mscale = scaling.number_or("mscale", 1.0);
  rope.mscale_all_dim = scaling.number_or("mscale_all_dim", 0.0);
  if (longrope) {
    read_long_factor(rope, scaling);
  }
}

}  // namespace

double positive_number(const JsonView& config, std::string_view key, std::optional<double> fallback) {
  const double value = fallback ? config.number_or(key, *fallback) : config.number(key);
  if (!(value > 0.0) || value > 1e12) {
    throw Error(ErrorCode::Corrupt, config.source(), "\"" + std::string(key) + "\" must be a positive number");
  }
  return value;
}

CommonConfig read_common(const JsonView& config, const ConfigDefaults& defaults) {
  const CommonConfig& d = defaults.common;
  const ConfigKeys& keys = defaults.keys;
  CommonConfig c;
  c.hidden_size = integer(config, keys.hidden_size, d.hidden_size, kMaxDim);
  c.num_hidden_layers = integer(config, keys.num_hidden_layers, d.num_hidden_layers, kMaxLayers);
  c.intermediate_size = integer(config, keys.intermediate_size, d.intermediate_size, kMaxDim);
  c.num_attention_heads = integer(config, keys.num_attention_heads, d.num_attention_heads, kMaxDim);
  const int kv_heads = d.num_key_value_heads > 0 ? d.num_key_value_heads : c.num_attention_heads;
  c.num_key_value_heads = integer(config, keys.num_key_value_heads, kv_heads, kMaxDim);
  const int head_dim = d.head_dim > 0 ? d.head_dim : std::max(c.hidden_size / c.num_attention_heads, 1);
  c.head_dim = integer(config, keys.head_dim, head_dim, kMaxDim);
  c.vocab_size = integer(config, keys.vocab_size, d.vocab_size, kMaxVocab);
  c.max_position_embeddings = integer(config, keys.max_position_embeddings, d.max_position_embeddings, kMaxContext);
  c.rms_norm_eps = positive_number(config, keys.norm_eps, d.rms_norm_eps);
  if (c.num_attention_heads % c.num_key_value_heads != 0) {
    throw Error(ErrorCode::Corrupt, config.source(),
                fmt::format("{} attention heads do not divide by {} key/value heads", c.num_attention_heads,
                            c.num_key_value_heads));
  }
  if (int64_t{c.num_attention_heads} * c.head_dim > kMaxDim) {
    throw Error(ErrorCode::Corrupt, config.source(), "num_attention_heads times head_dim is too large");
  }
  return c;
}

double rope_number(const JsonView& config, std::string_view key, std::optional<double> fallback) {
  const auto parameters = config.object("rope_parameters");
  return positive_number(parameters && !config.has(key) ? *parameters : config, key, fallback);
}

nn::RopeSpec plain_rope(const JsonView& config, double dims, double theta, bool traditional) {
  const auto whole = static_cast<int>(std::min<double>(dims, kMaxDim));
  if (whole < 2 || whole % 2 != 0) {
    throw Error(ErrorCode::Corrupt, config.source(), fmt::format("RoPE over {} dimensions", whole));
  }
  return {.dims = whole, .traditional = traditional, .theta = theta};
}

nn::RopeSpec read_rope(const JsonView& config, int dims, int max_position_embeddings,
                       std::optional<double> default_theta) {
  nn::RopeSpec rope = plain_rope(config, dims, rope_number(config, "rope_theta", default_theta));
  rope.max_position_embeddings = max_position_embeddings;
  rope.traditional = config.boolean_or("rope_traditional", false);
  if (const auto scaling = config.object("rope_scaling")) {
    read_scaling(rope, config, *scaling);
  } else if (const auto parameters = config.object("rope_parameters")) {
    read_scaling(rope, config, *parameters);
  }
  return rope;
}

std::vector<int> read_windows(const JsonView& config, size_t layers) {
  std::vector<int> windows(layers, 0);
  const std::vector<std::string> types = config.strings_or("layer_types", {});
  if (types.empty()) {
    return windows;
  }
  if (types.size() != layers) {
    throw Error(ErrorCode::Corrupt, config.source(), "\"layer_types\" must have num_hidden_layers entries");
  }
  for (size_t i = 0; i < layers; ++i) {
    if (types[i] == "sliding_attention") {
      windows[i] = integer(config, "sliding_window", 0, kMaxContext);
    }
  }
  return windows;
}

void set_windows(nn::DecoderSpec& spec, const JsonView& config) {
  const std::vector<int> windows = read_windows(config, spec.layers.size());
  for (size_t i = 0; i < windows.size(); ++i) {
    spec.layers[i].attention.window = windows[i];
  }
}

void norms_after(nn::LayerNames& names) {
  names.before_attention.clear();
  names.after_attention = "post_attention_layernorm";
  names.before_ffn.clear();
  names.after_ffn = "post_feedforward_layernorm";
}

void norms_around(nn::LayerNames& names) {
  names.after_attention = "post_attention_layernorm";
  names.before_ffn = "pre_feedforward_layernorm";
  names.after_ffn = "post_feedforward_layernorm";
}

nn::LayerSpec plain_layer(const CommonConfig& common) {
  nn::LayerSpec layer;
  layer.attention.heads = common.num_attention_heads;
  layer.attention.kv_heads = common.num_key_value_heads;
  layer.attention.head_dim = common.head_dim;
  layer.attention.scale = 1.0 / std::sqrt(static_cast<double>(common.head_dim));
  layer.ffn.intermediate_size = common.intermediate_size;
  layer.norm.eps = common.rms_norm_eps;
  return layer;
}

nn::DecoderSpec plain_decoder(const JsonView& config, const CommonConfig& common, const nn::LayerSpec& layer) {
  nn::DecoderSpec spec;
  spec.model_type = config.string_or("model_type", "");
  spec.hidden_size = common.hidden_size;
  spec.vocab_size = common.vocab_size;
  spec.context_size = common.max_position_embeddings;
  spec.layers.assign(static_cast<size_t>(common.num_hidden_layers), layer);
  spec.final_norm = layer.norm;
  return spec;
}

}  // namespace burin::models
