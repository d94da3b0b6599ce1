// Reading config.json into the parts that all architectures share, with every number in a sane range.
#pragma once

#include <string>
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

/** What a class of mlx-lm assumes where config.json says nothing; 0 means the key is required. */
struct ConfigDefaults {
  CommonConfig common{.max_position_embeddings = 2048};
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

/** A layer that is plain Llama but for what the caller changes afterwards. */
nn::LayerSpec plain_layer(const CommonConfig& common);

/** A decoder of equal layers. */
nn::DecoderSpec plain_decoder(const JsonView& config, const CommonConfig& common, const nn::LayerSpec& layer);

}  // namespace burin::models
