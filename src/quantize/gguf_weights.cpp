#include "quantize/gguf_weights.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <map>
#include <optional>
#include <string_view>

#include <fmt/format.h>

#include "base/error.h"

namespace burin::quantize {
namespace {

constexpr int64_t kBlock = 32;  // values in a block of Q4_0, Q4_1 and Q8_0, and MLX's group

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
  return lookup(kLayerNames, part);
}

/** "blk.3.attn_q" -> "model.layers.3.self_attn.q_proj". */
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

AffineLayout layout_of(const GgufTensor& tensor, const std::string& file) {
  const std::string_view type = tensor.type->name;
  if (type == "F32" || type == "F16" || type == "BF16") {
    return {};
  }
  const int bits = type == "Q4_0" || type == "Q4_1" ? 4 : type == "Q8_0" ? 8 : 0;
  if (bits == 0 || tensor.shape.size() != 2) {
    throw Error(ErrorCode::Unsupported, file, "tensor " + tensor.name + " of type " + std::string(type))
        .hint("exact import reads Q4_0, Q4_1, Q8_0, F16, BF16 and F32; fetch the model in one of these");
  }
  return {.bits = bits};
}

float half_to_float(const std::byte* at) {
  _Float16 value;
  std::memcpy(&value, at, sizeof value);
  return static_cast<float>(value);
}

/** scale and bias of one block, exactly as float32 holds them. */
struct BlockFactors {
  float scale;
  float bias;
};

BlockFactors block_factors(std::string_view type, const std::byte* block) {
  const float d = half_to_float(block);
  if (type == "Q4_1") {
    return {d, half_to_float(block + 2)};
  }
  return {d, (type == "Q8_0" ? -128.0F : -8.0F) * d};
}

std::vector<std::byte> read_tensor(const GgufTensor& tensor, const InputFile& file) {
  std::vector<std::byte> bytes(tensor.nbytes);
  file.read_at(tensor.offset, bytes);
  return bytes;
}

/** float16 holds d and m as stored; a derived bias can leave its range, and then both become float32. */
Dtype pick_scale_dtype(const GgufTensor& tensor, const InputFile& file) {
  constexpr float kMaxHalf = 65504.0F;
  const std::vector<std::byte> bytes = read_tensor(tensor, file);
  Dtype dtype = Dtype::F16;
  const auto step = static_cast<size_t>(tensor.type->bytes);
  for (size_t at = 0; at < bytes.size(); at += step) {
    const BlockFactors f = block_factors(tensor.type->name, bytes.data() + at);
    if (!std::isfinite(f.scale) || !std::isfinite(f.bias)) {
      throw Error(ErrorCode::Corrupt, file.name(), "tensor " + tensor.name + " has a scale that is no number");
    }
    if (std::abs(f.bias) > kMaxHalf) {
      dtype = Dtype::F32;
    }
  }
  return dtype;
}

/** Codes of one block as MLX packs them: value i at bits [i * bits, (i + 1) * bits), little-endian. */
void pack_codes(std::string_view type, const std::byte* block, std::byte* out) {
  if (type == "Q8_0") {
    for (int64_t i = 0; i < kBlock; ++i) {
      out[i] = block[2 + i] ^ std::byte{0x80};  // q + 128
    }
    return;
  }
  // A GGUF block keeps values 0..15 in the low nibbles and 16..31 in the high ones.
  const std::byte* codes = block + (type == "Q4_1" ? 4 : 2);
  for (int64_t i = 0; i < kBlock / 4; ++i) {
    const std::byte a = codes[2 * i];
    const std::byte b = codes[2 * i + 1];
    out[i] = (a & std::byte{0x0F}) | (b << 4);
    out[i + kBlock / 4] = (a >> 4) | (b & std::byte{0xF0});
  }
}

void append_factor(std::vector<std::byte>& out, float value, Dtype dtype) {
  std::array<std::byte, 4> raw{};
  if (dtype == Dtype::F16) {
    const auto half = static_cast<_Float16>(value);
    std::memcpy(raw.data(), &half, sizeof half);
  } else {
    std::memcpy(raw.data(), &value, sizeof value);
  }
  out.insert(out.end(), raw.begin(), raw.begin() + static_cast<ptrdiff_t>(size_of(dtype)));
}

/** The stored row that becomes row `row`: heads keep their rows as (pair, half) where MLX wants (half, pair). */
int64_t source_row(const PlannedTensor& tensor, int64_t row) {
  if (tensor.interleaved_heads == 0) {
    return row;
  }
  const int64_t head_dim = tensor.source->shape[0] / tensor.interleaved_heads;
  const int64_t half = head_dim / 2;
  const int64_t in_head = row % head_dim;
  return row - in_head + (in_head % half) * 2 + in_head / half;
}

void convert_quantized(const PlannedTensor& tensor, const std::vector<std::byte>& bytes, SafetensorsWriter& writer) {
  const int64_t rows = tensor.source->shape[0];
  const int64_t blocks = tensor.source->shape[1] / kBlock;
  const auto block_bytes = tensor.source->type->bytes;
  const int64_t packed = kBlock * tensor.layout.bits / 8;
  std::vector<std::byte> codes(static_cast<size_t>(rows * blocks * packed));
  std::vector<std::byte> scales;
  std::vector<std::byte> biases;
  for (int64_t row = 0; row < rows; ++row) {
    const std::byte* in = bytes.data() + source_row(tensor, row) * blocks * block_bytes;
    std::byte* out = codes.data() + row * blocks * packed;
    for (int64_t i = 0; i < blocks; ++i) {
      const BlockFactors f = block_factors(tensor.source->type->name, in + i * block_bytes);
      append_factor(scales, f.scale, tensor.scale_dtype);
      append_factor(biases, f.bias, tensor.scale_dtype);
      pack_codes(tensor.source->type->name, in + i * block_bytes, out + i * packed);
    }
  }
  writer.write(codes);
  writer.write(scales);
  writer.write(biases);
}

void convert_float(const PlannedTensor& tensor, std::vector<std::byte> bytes, SafetensorsWriter& writer) {
  if (tensor.minus_one) {
    for (size_t at = 0; at < bytes.size(); at += sizeof(float)) {
      float value = 0.0F;
      std::memcpy(&value, bytes.data() + at, sizeof value);
      value -= 1.0F;
      std::memcpy(bytes.data() + at, &value, sizeof value);
    }
  }
  if (tensor.interleaved_heads == 0) {
    writer.write(bytes);
    return;
  }
  const int64_t rows = tensor.source->shape[0];
  const auto row_bytes = static_cast<int64_t>(bytes.size()) / rows;
  for (int64_t row = 0; row < rows; ++row) {
    writer.write(std::span(bytes).subspan(static_cast<size_t>(source_row(tensor, row) * row_bytes),
                                          static_cast<size_t>(row_bytes)));
  }
}

Dtype float_dtype(const GgufTensor& tensor) {
  return tensor.type->name == "F32" ? Dtype::F32 : tensor.type->name == "F16" ? Dtype::F16 : Dtype::BF16;
}

/** Number of heads of a q or k projection, 0 for other parts. */
int64_t heads_of(const GgufTensor& source, const std::string& path, const Json& config, const InputFile& file) {
  const bool q = path.ends_with(".q_proj");
  if (!q && !path.ends_with(".k_proj")) {
    return 0;
  }
  const auto heads = config[q ? "num_attention_heads" : "num_key_value_heads"].get<int64_t>();
  if (source.shape.empty() || source.shape[0] == 0 || source.shape[0] % (2 * heads) != 0) {
    throw Error(ErrorCode::Corrupt, file.name(), "rows of tensor " + source.name + " do not divide into heads");
  }
  return heads;
}

PlannedTensor plan_tensor(const GgufTensor& source, const GgufFamily& family, const Json& config,
                          const InputFile& file) {
  const size_t dot = source.name.rfind('.');
  const std::string stem = source.name.substr(0, dot);
  const std::string suffix = dot == std::string::npos ? "" : source.name.substr(dot);
  const auto path = module_path(stem, family);
  if (!path || (suffix != ".weight" && suffix != ".bias")) {
    throw Error(ErrorCode::Unsupported, file.name(), "tensor " + source.name + " belongs to no part that burin knows");
  }
  PlannedTensor planned{
      .source = &source, .path = *path, .name = *path + suffix, .layout = layout_of(source, file.name())};
  if (planned.layout.bits != 0) {
    planned.scale_dtype = pick_scale_dtype(source, file);
  }
  planned.interleaved_heads = family.interleaved_qk ? heads_of(source, *path, config, file) : 0;
  planned.minus_one = family.norms_plus_one && path->ends_with("norm");
  if (planned.minus_one && source.type->name != "F32") {
    throw Error(ErrorCode::Unsupported, file.name(), "norm " + source.name + " that is not F32");
  }
  return planned;
}

}  // namespace

std::vector<PlannedTensor> plan_tensors(const GgufFile& gguf, const GgufFamily& family, const Json& config,
                                        const InputFile& file) {
  std::vector<PlannedTensor> plan;
  for (const GgufTensor& tensor : gguf.tensors()) {
    if (std::ranges::find(kConsumedByConfig, tensor.name) == kConsumedByConfig.end()) {
      layout_of(tensor, file.name());
    }
  }
  for (const GgufTensor& tensor : gguf.tensors()) {
    if (std::ranges::find(kConsumedByConfig, tensor.name) == kConsumedByConfig.end()) {
      plan.push_back(plan_tensor(tensor, family, config, file));
    }
  }
  return plan;
}

Json quantization_config(const std::vector<PlannedTensor>& plan) {
  std::map<int, int> count;
  for (const PlannedTensor& tensor : plan) {
    count[tensor.layout.bits] += tensor.source->shape.size() == 2 ? 1 : 0;
  }
  count.erase(0);
  if (count.empty()) {
    return nullptr;
  }
  const int bits = std::ranges::max_element(count, {}, [](const auto& item) { return item.second; })->first;
  Json map = {{"group_size", 32}, {"bits", bits}, {"mode", "affine"}};
  for (const PlannedTensor& tensor : plan) {
    if (tensor.source->shape.size() != 2 || tensor.layout.bits == bits) {
      continue;
    }
    if (tensor.layout.bits == 0) {
      map[tensor.path] = false;
    } else {
      map[tensor.path] = {{"group_size", 32}, {"bits", tensor.layout.bits}, {"mode", "affine"}};
    }
  }
  return map;
}

std::vector<TensorInfo> output_tensors(const PlannedTensor& tensor) {
  const std::vector<int64_t>& shape = tensor.source->shape;
  if (tensor.layout.bits == 0) {
    return {{.name = tensor.name, .dtype = float_dtype(*tensor.source), .shape = shape}};
  }
  const std::vector<int64_t> groups{shape[0], shape[1] / kBlock};
  return {
      {.name = tensor.path + ".weight", .dtype = Dtype::U32, .shape = {shape[0], shape[1] * tensor.layout.bits / 32}},
      {.name = tensor.path + ".scales", .dtype = tensor.scale_dtype, .shape = groups},
      {.name = tensor.path + ".biases", .dtype = tensor.scale_dtype, .shape = groups}};
}

void convert(const PlannedTensor& tensor, const InputFile& file, SafetensorsWriter& writer) {
  std::vector<std::byte> bytes = read_tensor(*tensor.source, file);
  if (tensor.layout.bits == 0) {
    convert_float(tensor, std::move(bytes), writer);
  } else {
    convert_quantized(tensor, bytes, writer);
  }
}

}  // namespace burin::quantize
