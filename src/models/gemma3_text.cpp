// Gemma 3, text only: sandwich norms with 1 + w, q and k norms, most layers sliding with a RoPE base of their own.
#include <cmath>
#include <cstring>

#include "models/architecture.h"
#include "models/config.h"

namespace burin::models {
namespace {

constexpr CommonConfig kDefaults{.hidden_size = 1152,
                                 .num_hidden_layers = 26,
                                 .intermediate_size = 6912,
                                 .num_attention_heads = 4,
                                 .num_key_value_heads = 1,
                                 .head_dim = 256,
                                 .vocab_size = 262144,
                                 .max_position_embeddings = 32768,
                                 .rms_norm_eps = 1e-6};

/** rope_parameters may hold one entry for each kind of layer. */
nn::RopeSpec global_rope(const JsonView& config, const CommonConfig& common) {
  const auto parameters = config.object("rope_parameters");
  const auto full = parameters ? parameters->object("full_attention") : std::nullopt;
  if (!full) {
    return read_rope(config, common.head_dim, common.max_position_embeddings, 1000000.0);
  }
  Json flat = Json::object();
  flat["rope_parameters"] = full->json();
  return read_rope(JsonView(flat, full->source()), common.head_dim, common.max_position_embeddings, 1000000.0);
}

nn::RopeSpec local_rope(const JsonView& config, const CommonConfig& common) {
  const auto parameters = config.object("rope_parameters");
  const auto sliding = parameters ? parameters->object("sliding_attention") : std::nullopt;
  const double theta = sliding ? sliding->number_or("rope_theta", 10000.0) : 10000.0;
  nn::RopeSpec rope = global_rope(config, common);
  rope.kind = nn::RopeKind::Default;
  rope.theta = positive_number(config, "rope_local_base_freq", theta);
  return rope;
}

nn::LayerSpec block(const JsonView& config, const CommonConfig& common, bool sliding) {
  nn::LayerSpec layer = plain_layer(common);
  layer.norm.plus_one = true;
  layer.attention.scale = 1.0 / std::sqrt(positive_number(config, "query_pre_attn_scalar", 256.0));
  layer.attention.qk_norm = nn::QkNorm::PerHead;
  layer.attention.rope = sliding ? local_rope(config, common) : global_rope(config, common);
  layer.attention.rope.traditional = false;
  layer.attention.window = sliding ? static_cast<int>(config.integer_or("sliding_window", 512, 1, 1 << 30)) : 0;
  layer.ffn.activation = nn::Activation::GeluTanh;
  return layer;
}

/** The reference rounds sqrt(hidden_size) to bfloat16 before it scales the embeddings. */
double round_to_bfloat16(double value) {
  const auto single = static_cast<float>(value);
  uint32_t bits = 0;
  std::memcpy(&bits, &single, sizeof bits);
  bits = (bits + 0x7FFFU + ((bits >> 16) & 1U)) & 0xFFFF0000U;
  float rounded = 0.0F;
  std::memcpy(&rounded, &bits, sizeof rounded);
  return rounded;
}

nn::DecoderSpec model(const JsonView& config, const HasTensor& has_tensor) {
  const CommonConfig common = read_common(config, {.common = kDefaults});
  nn::DecoderSpec spec = plain_decoder(config, common, block(config, common, true));
  const auto pattern = static_cast<size_t>(config.integer_or("sliding_window_pattern", 6, 1, 4096));
  for (size_t i = pattern - 1; i < spec.layers.size(); i += pattern) {
    spec.layers[i] = block(config, common, false);
  }
  norms_around(spec.names.layer);
  spec.embedding_scale = round_to_bfloat16(std::sqrt(static_cast<double>(common.hidden_size)));
  spec.tied_head = !has_tensor("lm_head.weight");
  return spec;
}

}  // namespace

extern const Architecture gemma3_text_architecture{
    .model_type = "gemma3_text",
    .aliases = {},
    .summary = "Gemma 3 text models",
    .source = "mlx-lm 0.32.2 models/gemma3_text.py",
    .spec = model,
};

}  // namespace burin::models
