// Reading config.json into the parts that all architectures share, with every number in a sane range.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "nn/spec.h"

namespace burin::models {

/** Sizes every decoder has, under the names of config.json. */
struct CommonConfig {
  int hidden_size = 0;
  int num_hidden_layers = 0;
  int intermediate_size = 0;
  int num_attention_heads = 0;
  int num_key_value_heads = 0;
  int head_dim = 0;
  int vocab_size = 0;
  int max_position_embeddings = 0;
  double rms_norm_eps = 0.0;
};

/** Where a family keeps the common sizes; an empty key is not read, and its default holds. */
struct ConfigKeys {
  std::string_view hidden_size = "hidden_size";
  std::string_view num_hidden_layers = "num_hidden_layers";
  std::string_view intermediate_size = "intermediate_size";
  std::string_view num_attention_heads = "num_attention_heads";
  std::string_view num_key_value_heads = "num_key_value_heads";
  std::string_view head_dim = "head_dim";
  std::string_view vocab_size = "vocab_size";
  std::string_view max_position_embeddings = "max_position_embeddings";
  std::string_view norm_eps = "rms_norm_eps";
};

/** What a class of mlx-lm assumes where config.json says nothing; 0 means the key is required. */
struct ConfigDefaults {
  CommonConfig common{.max_position_embeddings = 2048};
  ConfigKeys keys;
};

/** Throws: Corrupt for a missing key, a wrong type, an absurd number, or heads that do not divide. */
CommonConfig read_common(const JsonView& config, const ConfigDefaults& defaults = {});

/**
 * RoPE from `rope_theta` and `rope_scaling`, or from `rope_parameters` where transformers 5 put them.
 * Reading rope_parameters everywhere is on purpose: mlx-lm ignores it in some classes and falls back to 10000.
 * Throws: Corrupt, Unsupported (rope type named).
 */
nn::RopeSpec read_rope(const JsonView& config, int dims, int max_position_embeddings,
                       std::optional<double> default_theta);

/**
 * A positive number about rotation, `rope_theta` or `partial_rotary_factor`: of config.json itself or, where
 * transformers 5 put it, of `rope_parameters`. Throws: Corrupt when it is nowhere and has no fallback.
 */
double rope_number(const JsonView& config, std::string_view key, std::optional<double> fallback = std::nullopt);

/** A rotation without scaling. Throws: Corrupt for an odd number of dims. */
nn::RopeSpec plain_rope(const JsonView& config, double dims, double theta, bool traditional = false);

/** A positive number of config.json. Throws: Corrupt. */
double positive_number(const JsonView& config, std::string_view key, std::optional<double> fallback = std::nullopt);

/** Windows from `layer_types` ("sliding_attention") and `sliding_window`. Throws: Corrupt for a wrong length. */
std::vector<int> read_windows(const JsonView& config, size_t layers);
/** `read_windows` put into the layers. `sliding_window` alone changes nothing, as in mlx-lm. */
void set_windows(nn::DecoderSpec& spec, const JsonView& config);

/** Norm names for norms after each branch only, and for norms on both sides. */
void norms_after(nn::LayerNames& names);
void norms_around(nn::LayerNames& names);

/** A layer that is plain Llama but for what the caller changes afterwards. */
nn::LayerSpec plain_layer(const CommonConfig& common);

/** A decoder of equal layers. */
nn::DecoderSpec plain_decoder(const JsonView& config, const CommonConfig& common, const nn::LayerSpec& layer);

}  // namespace burin::models
