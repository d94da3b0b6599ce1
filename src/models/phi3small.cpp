// Phi-3-small: q, k and v in groups, block-sparse attention in every n-th layer, a clipped gate, muP's multipliers.
#include "base/error.h"
#include "models/architecture.h"
#include "models/config.h"

namespace burin::models {
namespace {

constexpr ConfigKeys kKeys{
    .intermediate_size = "ff_intermediate_size", .head_dim = "", .norm_eps = "layer_norm_epsilon"};
constexpr int kMost = 1 << 20;

/** A multiplier that 0 or null switch off. */
double multiplier(const JsonView& config, std::string_view key, double fallback) {
  const bool off = config.json().contains(key) && config.number_or(key, 0.0) == 0.0;
  return off ? 1.0 : positive_number(config, key, fallback);
}

nn::BlockSparsity sparsity(const JsonView& config, const CommonConfig& common) {
  const int64_t block_size = config.integer_or("blocksparse_block_size", 64, 1, kMost);
  if (block_size != 32 && block_size != 64) {
    throw Error(ErrorCode::Unsupported, config.source(), "\"blocksparse_block_size\" besides 32 and 64");
  }
  return {.block_size = static_cast<int>(block_size),
          .local_blocks = static_cast<int>(config.integer_or("blocksparse_num_local_blocks", 16, 1, kMost)),
          .vertical_stride = static_cast<int>(config.integer_or("blocksparse_vert_stride", 8, 1, kMost)),
          .heads = common.num_attention_heads};
}

nn::RopeSpec rope(const JsonView& config, const CommonConfig& common) {
  nn::RopeSpec rope = plain_rope(config, common.head_dim, positive_number(config, "rope_embedding_base", 1000000.0));
  const double scale = positive_number(config, "rope_position_scale", 1.0);
  if (scale != 1.0) {
    rope.kind = nn::RopeKind::Linear;
    rope.factor = 1.0 / scale;
  }
  return rope;
}

nn::LayerSpec block(const JsonView& config, const CommonConfig& common) {
  nn::LayerSpec layer = plain_layer(common);
  layer.norm = {.kind = nn::NormKind::Layer, .eps = common.rms_norm_eps, .bias = true};
  layer.attention.layout = nn::QkvLayout::Groups;
  layer.attention.qkv_bias = layer.attention.o_bias = layer.ffn.bias = true;
  if (config.boolean_or("mup_use_scaling", true)) {
    layer.attention.scale = positive_number(config, "mup_attn_multiplier", 1.0) / common.head_dim;
  }
  layer.attention.rope = rope(config, common);
  layer.ffn.activation = nn::Activation::GeGelu;
  layer.ffn.limit = positive_number(config, "gegelu_limit");
  layer.ffn.layout = nn::GateUpLayout::Alternating;
  return layer;
}

/** Rows of the embedding that no token of the tokenizer stands for. */
std::vector<int> unused_ids(int vocab_size) {
  std::vector<int> ids{100256, 100258, 100259, 100260, 100264, 100265};
  for (int id = 100267; id < 100352; ++id) {
    ids.push_back(id);
  }
  std::erase_if(ids, [vocab_size](int id) { return id >= vocab_size; });
  return ids;
}

nn::DecoderSpec model(const JsonView& config, const HasTensor& /*has_tensor*/) {
  const CommonConfig common = read_common(config, {.keys = kKeys});
  nn::DecoderSpec spec = plain_decoder(config, common, block(config, common));
  const int64_t every = config.integer("dense_attention_every_n_layers", 1, kMost);
  for (size_t i = 0; i < spec.layers.size(); i += static_cast<size_t>(every)) {
    spec.layers[i].attention.sparsity = sparsity(config, common);
  }
  spec.names.norm = "model.final_layernorm";
  spec.names.layer.qkv = "query_key_value";
  spec.names.layer.o = "dense";
  spec.names.layer.gate_up = "up_proj";
  spec.embedding_scale = multiplier(config, "mup_embedding_multiplier", 10.0);
  spec.logit_scale = 1.0 / multiplier(config, "mup_width_multiplier", 8.0);
  spec.silent_ids = unused_ids(common.vocab_size);
  return spec;
}

}  // namespace

extern const Architecture phi3small_architecture{
    .model_type = "phi3small",
    .aliases = {},
    .summary = "Phi-3-small",
    .source = "mlx-lm 0.32.2 models/phi3small.py",
    .spec = model,
};

}  // namespace burin::models
