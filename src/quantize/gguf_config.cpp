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

void add_sizes(Json& config, const GgufFile& gguf, const GgufFamily& family) {
  const std::string p(family.architecture);
  config["hidden_size"] = gguf.integer(p + ".embedding_length", 1, kMaxDim);
  config["num_hidden_layers"] = gguf.integer(p + ".block_count", 1, 4096);
  config["intermediate_size"] = gguf.integer(p + ".feed_forward_length", 1, kMaxDim);
  const int64_t heads = gguf.integer(p + ".attention.head_count", 1, kMaxDim);
  config["num_attention_heads"] = heads;
  config["num_key_value_heads"] = gguf.integer_or(p + ".attention.head_count_kv", heads, 1, kMaxDim);
  const int64_t even = std::max<int64_t>(config["hidden_size"].get<int64_t>() / heads, 1);
  config["head_dim"] = gguf.integer_or(p + ".attention.key_length", even, 1, kMaxDim);
  config["max_position_embeddings"] = gguf.integer(p + ".context_length", 1, int64_t{1} << 30);
  const bool rms = family.norm_eps == "rms_norm_eps";
  config[family.norm_eps] =
      shortest(gguf.number(p + (rms ? ".attention.layer_norm_rms_epsilon" : ".attention.layer_norm_epsilon")));
}

}  // namespace

double shortest(double value) {
  return std::stod(fmt::format("{}", static_cast<float>(value)));
}

Json make_config(const GgufFile& gguf, const GgufFamily& family, const InputFile& file) {
  const std::string p(family.architecture);
  const GgufTensor* table = gguf.find_tensor("token_embd.weight");
  if (table == nullptr || table->shape.size() != 2) {
    throw Error(ErrorCode::Corrupt, gguf.name(), "tensor token_embd.weight is missing or no matrix");
  }
  Json config = {{"model_type", family.model_type}, {"architectures", Json::array({family.class_name})}};
  add_sizes(config, gguf, family);
  config["vocab_size"] = table->shape[0];
  const double theta = shortest(gguf.number_or(p + ".rope.freq_base", 10000.0));
  config["rope_theta"] = theta;
  if (Json scaling = rope_scaling(gguf, file, p, theta); !scaling.is_null()) {
    config["rope_scaling"] = std::move(scaling);
  }
  config["tie_word_embeddings"] = gguf.find_tensor("output.weight") == nullptr;
  if (family.extend != nullptr) {
    family.extend(config, gguf);
  }
  return config;
}

}  // namespace burin::quantize
