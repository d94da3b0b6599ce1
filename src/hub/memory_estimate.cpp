#include "hub/memory_estimate.h"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <optional>
#include <string_view>

#include <fmt/format.h>

#include "base/error.h"

namespace burin::hub {
namespace {

constexpr int64_t kMaxSize = int64_t{1} << 31;
constexpr int64_t kMaxLayers = 4096;
constexpr int64_t kPrefillStep = 2048;                  // tokens of a prompt that go through the model at once
constexpr uint64_t kProgramBytes = uint64_t{64} << 20;  // the program, the tokenizer, its tables
constexpr double kGroup = 64;                           // values of a quantized cache that share scale and bias
constexpr double kGroupOverheadBits = 32 / kGroup;
constexpr uint64_t kStateValueBytes = 4;

// Families whose layers all keep keys and values of every token, besides those that this program runs.
constexpr std::array<std::string_view, 14> kFullAttention{
    "dots1", "ernie4_5_moe", "glm4_moe",  "gpt_bigcode", "granitemoe", "hunyuan",     "mixtral",
    "olmoe", "phimoe",       "qwen2_moe", "qwen3_moe",   "mistral",    "bailing_moe", "minimax_m2"};

/** config.json, or the part of it that describes the language model; sizes under any of the families' names. */
class Sizes {
 public:
  explicit Sizes(const Json& config)
      : view_(config, "config.json"),
        text_(config.contains("text_config") && config["text_config"].is_object()
                  ? JsonView(config["text_config"], "config.json")
                  : view_) {}

  std::optional<int64_t> find(std::initializer_list<std::string_view> keys, int64_t low = 1) const {
    for (const std::string_view key : keys) {
      for (const JsonView* view : {&view_, &text_}) {
        if (view->has(key)) {
          return view->integer(key, low, kMaxSize);
        }
      }
    }
    return std::nullopt;
  }

  int64_t get(std::initializer_list<std::string_view> keys) const {
    if (const auto value = find(keys)) {
      return *value;
    }
    throw Error(ErrorCode::Corrupt, "config.json", fmt::format("has no \"{}\"", *keys.begin()));
  }

  const Json* member(std::string_view key) const {
    const Json* own = text_.find(key);
    return own == nullptr ? view_.find(key) : own;
  }

  /** The type of the language model, and where that is not one of its own, of the whole. */
  std::string model_type() const {
    const std::string own = text_.string_or("model_type", "");
    return own.empty() ? view_.string_or("model_type", "") : own;
  }

  int64_t layers() const {
    const int64_t count = get({"num_hidden_layers", "n_layer", "n_layers", "num_layers"});
    if (count > kMaxLayers) {
      throw Error(ErrorCode::Corrupt, "config.json", fmt::format("{} layers are absurd", count));
    }
    return count;
  }
  int64_t hidden() const { return get({"hidden_size", "n_embd", "d_model", "dim"}); }
  int64_t heads() const { return get({"num_attention_heads", "n_head", "n_heads"}); }
  int64_t kv_heads() const {
    return find({"num_key_value_heads", "num_kv_heads", "multi_query_group_num"}).value_or(heads());
  }
  int64_t head_dim() const {
    return find({"head_dim", "kv_channels"}).value_or(std::max<int64_t>(1, hidden() / heads()));
  }
  int64_t vocab() const { return get({"vocab_size", "padded_vocab_size"}); }
  int64_t intermediate() const {
    return find({"intermediate_size", "n_inner", "ffn_dim", "ffn_hidden_size"}).value_or(4 * hidden());
  }

 private:
  JsonView view_;
  JsonView text_;
};

Error unknown_kind(const std::string& what) {
  return Error(ErrorCode::Unsupported, "fits", what + " keeps its context in a way that is not known here")
      .hint("its memory cannot be told before it is loaded");
}

uint64_t values(int64_t a, int64_t b) {
  uint64_t product = 0;
  if (__builtin_mul_overflow(static_cast<uint64_t>(a), static_cast<uint64_t>(b), &product)) {
    throw Error(ErrorCode::Corrupt, "config.json", "its sizes are absurd");
  }
  return product;
}

LayerCache full(const Sizes& sizes) {
  return {.kind = CacheKind::Full, .values_per_token = 2 * values(sizes.kv_heads(), sizes.head_dim())};
}

LayerCache sliding(const Sizes& sizes, int64_t window) {
  LayerCache layer = full(sizes);
  layer.kind = CacheKind::Sliding;
  layer.window = window;
  return layer;
}

LayerCache latent(const Sizes& sizes) {
  const int64_t rank = sizes.get({"kv_lora_rank"});
  const int64_t rope = sizes.find({"qk_rope_head_dim"}, 0).value_or(0);
  return {.kind = CacheKind::Latent, .values_per_token = static_cast<uint64_t>(rank + rope)};
}

LayerCache state(uint64_t count) {
  return {.kind = CacheKind::State, .state_values = count};
}

/** Gated delta nets as in qwen3_next: one matrix a head, and the last inputs of a convolution. */
LayerCache linear_attention(const Sizes& sizes) {
  const int64_t value_heads = sizes.get({"linear_num_value_heads"});
  const int64_t key_dim = sizes.get({"linear_key_head_dim"});
  const int64_t value_dim = sizes.get({"linear_value_head_dim"});
  const int64_t kernel = sizes.get({"linear_conv_kernel_dim"});
  const uint64_t channels = 2 * values(sizes.get({"linear_num_key_heads"}), key_dim) + values(value_heads, value_dim);
  return state(values(value_heads, key_dim) * static_cast<uint64_t>(value_dim) +
               channels * static_cast<uint64_t>(kernel - 1));
}

/** Mamba 1 and 2: `state_size` values for each inner channel, and the last inputs of a convolution. */
LayerCache state_space(const Sizes& sizes) {
  const int64_t state_size = sizes.get({"mamba_d_state", "state_size", "ssm_state_size"});
  const int64_t kernel = sizes.find({"mamba_d_conv", "conv_kernel", "d_conv"}).value_or(4);
  const int64_t heads = sizes.find({"mamba_n_heads", "mamba_num_heads"}).value_or(0);
  const int64_t inner = heads > 0 ? heads * sizes.get({"mamba_d_head", "mamba_head_dim"})
                                  : sizes.find({"mamba_d_ssm", "d_inner"})
                                        .value_or(sizes.hidden() * sizes.find({"mamba_expand", "expand"}).value_or(2));
  const int64_t groups = sizes.find({"mamba_n_groups", "n_groups"}).value_or(1);
  return state(values(inner, state_size) +
               static_cast<uint64_t>(kernel) * (static_cast<uint64_t>(inner) + 2 * values(groups, state_size)));
}

/** A short convolution as in lfm2. */
LayerCache convolution(const Sizes& sizes) {
  return state(values(sizes.hidden(), sizes.get({"conv_L_cache"})));
}

LayerCache of_type(const Sizes& sizes, const std::string& type) {
  if (type == "full_attention" || type == "attention") {
    return sizes.find({"kv_lora_rank"}) ? latent(sizes) : full(sizes);
  }
  if (type == "sliding_attention") {
    return sliding(sizes, sizes.get({"sliding_window"}));
  }
  if (type == "chunked_attention") {
    return sliding(sizes, sizes.get({"attention_chunk_size"}));
  }
  if (type == "linear_attention") {
    return linear_attention(sizes);
  }
  if (type == "mamba" || type == "mamba2") {
    return state_space(sizes);
  }
  if (type == "conv") {
    return convolution(sizes);
  }
  throw unknown_kind("a layer of type \"" + type + "\"");
}

std::vector<LayerCache> by_layer_types(const Sizes& sizes, const Json& types) {
  std::vector<LayerCache> layers;
  for (const Json& type : types) {
    layers.push_back(of_type(sizes, type.is_string() ? type.get<std::string>() : dump_json(type)));
  }
  if (static_cast<int64_t>(layers.size()) != sizes.layers()) {
    throw Error(ErrorCode::Corrupt, "config.json", "\"layer_types\" does not name every layer");
  }
  return layers;
}

/** How many layers make a round of which the last sees everything, in the families that say it by a number. */
int64_t pattern_of(const Sizes& sizes, const std::string& type) {
  const bool gemma = type == "gemma3" || type == "gemma3_text";
  if (gemma || type == "cohere2" || type == "olmo3") {
    return type == "olmo3" ? 4 : sizes.find({"sliding_window_pattern"}).value_or(gemma ? 6 : 4);
  }
  return 0;
}

bool is_attention_only(const std::string& type, const std::vector<std::string>& supported) {
  return std::ranges::find(supported, type) != supported.end() ||
         std::ranges::find(kFullAttention, type) != kFullAttention.end();
}

}  // namespace

std::string name(CacheKind kind) {
  static constexpr std::array<const char*, 4> kNames{"full", "sliding", "latent", "state"};
  return kNames.at(static_cast<size_t>(kind));
}

std::vector<LayerCache> layer_caches(const Json& config, const std::vector<std::string>& supported) {
  const Sizes sizes(config);
  const std::string type = sizes.model_type();
  const auto count = static_cast<size_t>(sizes.layers());
  if (type == "mamba" || type == "mamba2" || type == "falcon_mamba") {
    return {count, state_space(sizes)};
  }
  if (const Json* types = sizes.member("layer_types"); types != nullptr && types->is_array() && !types->empty()) {
    return by_layer_types(sizes, *types);
  }
  if (const int64_t pattern = pattern_of(sizes, type); pattern > 0) {
    const int64_t window = sizes.find({"sliding_window"}).value_or(4096);
    std::vector<LayerCache> layers(count, sliding(sizes, window));
    for (auto i = static_cast<size_t>(pattern - 1); i < count; i += static_cast<size_t>(pattern)) {
      layers[i] = full(sizes);
    }
    return layers;
  }
  if (sizes.find({"kv_lora_rank"})) {
    return {count, latent(sizes)};
  }
  if (!is_attention_only(type, supported)) {
    throw unknown_kind("model_type \"" + type + "\"");
  }
  return {count, full(sizes)};
}

uint64_t cache_bytes(const std::vector<LayerCache>& layers, const MemoryRequest& request) {
  const double bits = request.kv_bits < 16 ? request.kv_bits + kGroupOverheadBits : request.kv_bits;
  double total = 0;
  for (const LayerCache& layer : layers) {
    const bool slides = layer.kind == CacheKind::Sliding;
    const int64_t tokens = slides ? std::min(request.context, layer.window) : request.context;
    // Caches of a window stay in 16 bits, as mlx-lm keeps them.
    total += static_cast<double>(layer.values_per_token) * static_cast<double>(tokens) * (slides ? 16 : bits) / 8;
    total += static_cast<double>(layer.state_values * kStateValueBytes);
  }
  return static_cast<uint64_t>(total * static_cast<double>(request.parallel));
}

uint64_t scratch_bytes(const Json& config, const MemoryRequest& request) {
  const Sizes sizes(config);
  const auto tokens = static_cast<uint64_t>(std::min(request.context, kPrefillStep));
  // Of one layer at a time: residual, normed input and output; queries, keys and values; gate, up and their product.
  const auto heads = sizes.find({"num_attention_heads", "n_head", "n_heads"});
  const uint64_t attention =
      heads ? values(*heads + 2 * sizes.kv_heads(), sizes.head_dim()) : 2 * static_cast<uint64_t>(sizes.hidden());
  const uint64_t width =
      4 * static_cast<uint64_t>(sizes.hidden()) + attention + 3 * static_cast<uint64_t>(sizes.intermediate());
  const uint64_t logits = values(sizes.vocab(), request.parallel) * sizeof(float);
  return tokens * width * sizeof(float) + 2 * logits + kProgramBytes;
}

int64_t context_length(const Json& config) {
  const Sizes sizes(config);
  return sizes.find({"max_position_embeddings", "n_positions", "seq_length", "max_seq_len"}).value_or(0);
}

}  // namespace burin::hub
