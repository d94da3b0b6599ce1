#include "quantize/gguf_config.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <span>
#include <vector>

#include <fmt/format.h>

#include "base/error.h"

namespace burin::quantize {
namespace {

constexpr int64_t kMaxDim = int64_t{1} << 20;

constexpr std::array<GgufFamily, 6> kFamilies{{
    {.architecture = "gemma3",
     .model_type = "gemma3_text",
     .class_name = "Gemma3ForCausalLM",
     .norms_plus_one = true,
     .sandwich_norms = true},
    {.architecture = "llama", .model_type = "llama", .class_name = "LlamaForCausalLM", .interleaved_qk = true},
    {.architecture = "olmo2", .model_type = "olmo2", .class_name = "Olmo2ForCausalLM"},
    {.architecture = "phi3", .model_type = "phi3", .class_name = "Phi3ForCausalLM", .fused_projections = true},
    {.architecture = "qwen2", .model_type = "qwen2", .class_name = "Qwen2ForCausalLM"},
    {.architecture = "qwen3", .model_type = "qwen3", .class_name = "Qwen3ForCausalLM"},
}};

/** The shortest decimal that reads back as the same float32: 1e-05, not 9.99999974e-06. */
double shortest(double value) {
  return std::stod(fmt::format("{}", static_cast<float>(value)));
}

std::vector<float> read_floats(const GgufFile& gguf, const InputFile& file, const std::string& name) {
  const GgufTensor* tensor = gguf.find_tensor(name);
  if (tensor == nullptr || tensor->type->name != "F32" || tensor->nbytes > kMaxDim) {
    throw Error(ErrorCode::Corrupt, gguf.name(), "tensor " + name + " is missing or no short list of F32");
  }
  std::vector<float> values(tensor->nbytes / sizeof(float));
  file.read_at(tensor->offset, std::as_writable_bytes(std::span(values)));
  return values;
}

/** The factor that the llama3 rule applies to one pair, with the published constants 1, 4 and 8192. */
double llama3_factor(double period, double factor) {
  constexpr double kLength = 8192;
  constexpr double kLow = 1;
  constexpr double kHigh = 4;
  const double wavelength = 2 * std::numbers::pi * period;
  if (wavelength < kLength / kHigh) {
    return 1.0;
  }
  if (wavelength > kLength / kLow) {
    return factor;
  }
  const double smooth = (kLength / wavelength - kLow) / (kHigh - kLow);
  return 1 / ((1 - smooth) / factor + smooth);
}

/** GGUF keeps the result of the llama3 rule only; it is taken back if the published constants give the same numbers. */
Json llama3_scaling(const GgufFile& gguf, const InputFile& file, double theta) {
  const std::vector<float> factors = read_floats(gguf, file, "rope_freqs.weight");
  const double factor = factors.empty() ? 1.0 : std::round(*std::ranges::max_element(factors));
  for (size_t i = 0; i < factors.size(); ++i) {
    const double period = std::pow(theta, static_cast<double>(i) / static_cast<double>(factors.size()));
    if (!(std::abs(factors[i] / llama3_factor(period, factor) - 1) < 1e-3)) {
      throw Error(ErrorCode::Unsupported, gguf.name(), "rope_freqs.weight holds a scaling that config.json cannot name")
          .hint("use an MLX conversion of this model");
    }
  }
  return {{"rope_type", "llama3"},
          {"factor", factor},
          {"low_freq_factor", 1.0},
          {"high_freq_factor", 4.0},
          {"original_max_position_embeddings", 8192}};
}

Json longrope_scaling(const GgufFile& gguf, const InputFile& file) {
  return {{"type", "longrope"},
          {"short_factor", read_floats(gguf, file, "rope_factors_short.weight")},
          {"long_factor", read_floats(gguf, file, "rope_factors_long.weight")}};
}

Json rope_scaling(const GgufFile& gguf, const InputFile& file, const std::string& prefix, double theta) {
  if (gguf.find_tensor("rope_freqs.weight") != nullptr) {
    return llama3_scaling(gguf, file, theta);
  }
  if (gguf.find_tensor("rope_factors_long.weight") != nullptr) {
    return longrope_scaling(gguf, file);
  }
  const std::string type = gguf.string_or(prefix + ".rope.scaling.type", "none");
  if (type == "none") {
    return nullptr;
  }
  if (type != "linear" && type != "yarn") {
    throw Error(ErrorCode::Unsupported, gguf.name(), "RoPE scaling \"" + type + "\"");
  }
  Json scaling = {
      {"type", type}, {"rope_type", type}, {"factor", shortest(gguf.number(prefix + ".rope.scaling.factor"))}};
  if (type == "yarn") {
    scaling["original_max_position_embeddings"] =
        gguf.integer(prefix + ".rope.scaling.original_context_length", 1, int64_t{1} << 30);
  }
  return scaling;
}

void add_gemma3(Json& config, const GgufFile& gguf) {
  const auto layers = config["num_hidden_layers"].get<int64_t>();
  const auto heads = config["num_attention_heads"].get<int64_t>();
  config["sliding_window"] = gguf.integer("gemma3.attention.sliding_window", 1, int64_t{1} << 30);
  config["sliding_window_pattern"] = 6;
  config["rope_local_base_freq"] = 10000.0;
  // The file does not keep it: hidden size per head in the 27B model (62 layers), the head size elsewhere.
  config["query_pre_attn_scalar"] =
      layers == 62 ? config["hidden_size"].get<int64_t>() / heads : config["head_dim"].get<int64_t>();
}

void add_phi3(Json& config, const GgufFile& gguf) {
  const auto head_dim = config["head_dim"].get<int64_t>();
  const int64_t rotated = gguf.integer_or("phi3.rope.dimension_count", head_dim, 2, kMaxDim);
  config["partial_rotary_factor"] = static_cast<double>(rotated) / static_cast<double>(head_dim);
  config["original_max_position_embeddings"] =
      gguf.integer_or("phi3.rope.scaling.original_context_length", 4096, 1, int64_t{1} << 30);
}

void add_sizes(Json& config, const GgufFile& gguf, const std::string& p) {
  config["hidden_size"] = gguf.integer(p + ".embedding_length", 1, kMaxDim);
  config["num_hidden_layers"] = gguf.integer(p + ".block_count", 1, 4096);
  config["intermediate_size"] = gguf.integer(p + ".feed_forward_length", 1, kMaxDim);
  const int64_t heads = gguf.integer(p + ".attention.head_count", 1, kMaxDim);
  config["num_attention_heads"] = heads;
  config["num_key_value_heads"] = gguf.integer_or(p + ".attention.head_count_kv", heads, 1, kMaxDim);
  const int64_t even = std::max<int64_t>(config["hidden_size"].get<int64_t>() / heads, 1);
  config["head_dim"] = gguf.integer_or(p + ".attention.key_length", even, 1, kMaxDim);
  config["max_position_embeddings"] = gguf.integer(p + ".context_length", 1, int64_t{1} << 30);
  config["rms_norm_eps"] = shortest(gguf.number(p + ".attention.layer_norm_rms_epsilon"));
}

}  // namespace

const GgufFamily& find_family(const GgufFile& gguf) {
  const std::string& architecture = gguf.string("general.architecture");
  const auto it = std::ranges::find(kFamilies, architecture, &GgufFamily::architecture);
  if (it == kFamilies.end()) {
    throw Error(ErrorCode::Unsupported, gguf.name(), "GGUF architecture \"" + architecture + "\"")
        .hint("supported: gemma3, llama, olmo2, phi3, qwen2, qwen3");
  }
  return *it;
}

Json make_config(const GgufFile& gguf, const GgufFamily& family, const InputFile& file) {
  const std::string p(family.architecture);
  const GgufTensor* table = gguf.find_tensor("token_embd.weight");
  if (table == nullptr || table->shape.size() != 2) {
    throw Error(ErrorCode::Corrupt, gguf.name(), "tensor token_embd.weight is missing or no matrix");
  }
  Json config = {{"model_type", family.model_type}, {"architectures", Json::array({family.class_name})}};
  add_sizes(config, gguf, p);
  config["vocab_size"] = table->shape[0];
  const double theta = shortest(gguf.number_or(p + ".rope.freq_base", 10000.0));
  config["rope_theta"] = theta;
  if (Json scaling = rope_scaling(gguf, file, p, theta); !scaling.is_null()) {
    config["rope_scaling"] = std::move(scaling);
  }
  config["tie_word_embeddings"] = gguf.find_tensor("output.weight") == nullptr;
  if (family.model_type == "gemma3_text") {
    add_gemma3(config, gguf);
  } else if (family.model_type == "phi3") {
    add_phi3(config, gguf);
  }
  return config;
}

}  // namespace burin::quantize
