#include "quantize/gguf_weights.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string_view>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/error.h"
#include "quantize/gguf_names.h"

namespace burin::quantize {
namespace {

constexpr int kRequantizedGroup = 64;

bool is_float(const GgufTensor& tensor) {
  return tensor.type->name == "F32" || tensor.type->name == "F16" || tensor.type->name == "BF16";
}

/** Types that burin cannot read first, then those that it cannot keep exactly: each by name, before any work. */
void check_types(const PlanInput& input) {
  std::set<std::string_view> inexact;
  std::string example;
  for (const GgufTensor& tensor : input.gguf.tensors()) {
    if (is_consumed_by_config(tensor.name) || is_float(tensor)) {
      continue;
    }
    const BlockFormat* format = find_block_format(tensor.type->name);
    if (format == nullptr || tensor.shape.size() != 2) {
      throw Error(ErrorCode::Unsupported, input.file.name(),
                  fmt::format("tensor {} of type {}", tensor.name, tensor.type->name))
          .hint(
              "matrices of Q2_K .. Q6_K, IQ4_NL, IQ4_XS, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, MXFP4, NVFP4, F16, BF16 and F32 "
              "are read; "
              "fetch the model in one of these");
    }
    if (!format->is_exact()) {
      inexact.insert(format->name);
      example = tensor.name;
    }
  }
  if (!inexact.empty() && input.requantize_bits == 0) {
    throw Error(ErrorCode::Unsupported, input.file.name(),
                fmt::format("tensors of type {} (such as {}): MLX has no layout that holds them exactly",
                            fmt::join(inexact, " and "), example))
        .hint(
            "--requantize 8 stores these, and only these, in 8 bits and reports the error that makes; "
            "--requantize 16 keeps them as float16");
  }
}

std::optional<float> as_half(float value) {
  const auto rounded = static_cast<float>(static_cast<_Float16>(value));
  return rounded == value ? std::optional(rounded) : std::nullopt;
}

/** NaN in the scale codes of a float mode: e8m0 255, e4m3 beyond 448. */
bool is_valid_scale_code(const BlockFormat& format, uint8_t code) {
  return format.mode == ops::QuantizationMode::Mxfp4 ? code != 0xFF : code <= 0x7E;
}

/** float16 where it holds every factor of the tensor exactly, else float32; bytes for float modes. */
Dtype pick_factor_dtype(const GgufTensor& tensor, const BlockFormat& format, const InputFile& file) {
  const std::vector<std::byte> bytes = read_tensor(tensor, file);
  const bool affine = format.mode == ops::QuantizationMode::Affine;
  Dtype dtype = affine ? Dtype::F16 : Dtype::U8;
  BlockValues values;
  for (size_t at = 0; at < bytes.size(); at += static_cast<size_t>(format.bytes)) {
    format.unpack(reinterpret_cast<const uint8_t*>(bytes.data()) + at, values);
    for (int g = 0; g < format.values / format.group; ++g) {
      const bool number = affine ? std::isfinite(values.scales[g]) && std::isfinite(values.biases[g])
                                 : is_valid_scale_code(format, values.scale_codes[g]);
      if (!number) {
        throw Error(ErrorCode::Corrupt, file.name(), "tensor " + tensor.name + " has a scale that is no number");
      }
      if (affine && !(as_half(values.scales[g]) && as_half(values.biases[g]))) {
        dtype = Dtype::F32;
      }
    }
  }
  return dtype;
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

/** Codes, scales and biases of one matrix, as they go into the file. */
struct PackedMatrix {
  std::vector<std::byte> codes;
  std::vector<std::byte> scales;
  std::vector<std::byte> biases;
};

void append_factors(const PlannedTensor& tensor, const BlockValues& values, PackedMatrix& out) {
  for (int g = 0; g < tensor.format->values / tensor.format->group; ++g) {
    if (tensor.dtype == Dtype::U8) {
      out.scales.push_back(std::byte{values.scale_codes[g]});
    } else {
      append_factor(out.scales, values.scales[g], tensor.dtype);
      append_factor(out.biases, values.biases[g], tensor.dtype);
    }
  }
}

void convert_quantized(const PlannedTensor& tensor, const std::vector<std::byte>& bytes, SafetensorsWriter& writer) {
  const BlockFormat& format = *tensor.format;
  const int64_t rows = tensor.source->shape[0];
  const int64_t blocks = tensor.source->shape[1] / format.values;
  const int packed = format.values * format.bits / 8;
  PackedMatrix out;
  out.codes.resize(static_cast<size_t>(rows * blocks * packed));
  std::byte* codes = out.codes.data();
  BlockValues values;
  for (int64_t row = 0; row < rows; ++row) {
    const auto* in = reinterpret_cast<const uint8_t*>(bytes.data()) + source_row(tensor, row) * blocks * format.bytes;
    for (int64_t i = 0; i < blocks; ++i) {
      format.unpack(in + i * format.bytes, values);
      append_factors(tensor, values, out);
      pack_codes(std::span(values.codes).first(static_cast<size_t>(format.values)), format.bits, codes);
      codes += packed;
    }
  }
  writer.write(out.codes);
  writer.write(out.scales);
  writer.write(out.biases);
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

/** Fills in how the tensor will be stored. */
void plan_storage(PlannedTensor& planned, const PlanInput& input) {
  const GgufTensor& source = *planned.source;
  planned.format = find_block_format(source.type->name);
  if (planned.format == nullptr) {
    planned.dtype = float_dtype(source);
    return;
  }
  planned.requantized = !planned.format->is_exact();
  const Dtype factors = pick_factor_dtype(source, *planned.format, input.file);
  if (!planned.requantized) {
    planned.layout = {.bits = planned.format->bits, .group_size = planned.format->group, .mode = planned.format->mode};
    planned.dtype = factors;
  } else if (input.requantize_bits < 16) {
    planned.layout = {.bits = input.requantize_bits, .group_size = kRequantizedGroup};
    planned.dtype = Dtype::F32;
  }
}

PlannedTensor plan_tensor(const GgufTensor& source, const PlanInput& input) {
  const size_t dot = source.name.rfind('.');
  const std::string stem = source.name.substr(0, dot);
  const std::string suffix = dot == std::string::npos ? "" : source.name.substr(dot);
  const auto path = module_path(stem, input.family);
  if (!path || (suffix != ".weight" && suffix != ".bias")) {
    throw Error(ErrorCode::Unsupported, input.file.name(),
                "tensor " + source.name + " belongs to no part that burin knows");
  }
  PlannedTensor planned{.source = &source, .path = *path, .name = *path + suffix};
  plan_storage(planned, input);
  planned.interleaved_heads = input.family.interleaved_qk ? heads_of(source, *path, input.config, input.file) : 0;
  planned.minus_one = input.family.norms_plus_one && path->ends_with("norm");
  if (planned.minus_one && source.type->name != "F32") {
    throw Error(ErrorCode::Unsupported, input.file.name(), "norm " + source.name + " that is not F32");
  }
  return planned;
}

Json entry_of(const TensorLayout& layout) {
  return {{"group_size", layout.group_size}, {"bits", layout.bits}, {"mode", ops::name(layout.mode)}};
}

/** The layout of most matrices; none when all are floats. */
std::optional<TensorLayout> usual_layout(const std::vector<PlannedTensor>& plan) {
  std::vector<std::pair<TensorLayout, int>> count;
  for (const PlannedTensor& tensor : plan) {
    if (tensor.layout.bits == 0) {
      continue;
    }
    const auto it = std::ranges::find(count, tensor.layout, &std::pair<TensorLayout, int>::first);
    if (it == count.end()) {
      count.emplace_back(tensor.layout, 1);
    } else {
      ++it->second;
    }
  }
  const auto most = std::ranges::max_element(count, {}, &std::pair<TensorLayout, int>::second);
  return most == count.end() ? std::nullopt : std::optional(most->first);
}

}  // namespace

std::vector<PlannedTensor> plan_tensors(const PlanInput& input) {
  check_types(input);
  std::vector<PlannedTensor> plan;
  for (const GgufTensor& tensor : input.gguf.tensors()) {
    if (!is_consumed_by_config(tensor.name)) {
      plan.push_back(plan_tensor(tensor, input));
    }
  }
  return plan;
}

Json quantization_config(const std::vector<PlannedTensor>& plan) {
  const auto usual = usual_layout(plan);
  if (!usual) {
    return nullptr;
  }
  Json map = entry_of(*usual);
  for (const PlannedTensor& tensor : plan) {
    if (tensor.source->shape.size() == 2 && tensor.layout != *usual) {
      map[tensor.path] = tensor.layout.bits == 0 ? Json(false) : entry_of(tensor.layout);
    }
  }
  return map;
}

std::vector<TensorInfo> output_tensors(const PlannedTensor& tensor) {
  const std::vector<int64_t>& shape = tensor.source->shape;
  const TensorLayout& layout = tensor.layout;
  if (layout.bits == 0) {
    return {{.name = tensor.name, .dtype = tensor.dtype, .shape = shape}};
  }
  const std::vector<int64_t> groups{shape[0], shape[1] / layout.group_size};
  std::vector<TensorInfo> entries{
      {.name = tensor.path + ".weight", .dtype = Dtype::U32, .shape = {shape[0], shape[1] * layout.bits / 32}},
      {.name = tensor.path + ".scales", .dtype = tensor.dtype, .shape = groups}};
  if (layout.mode == ops::QuantizationMode::Affine) {
    entries.push_back({.name = tensor.path + ".biases", .dtype = tensor.dtype, .shape = groups});
  }
  return entries;
}

std::vector<std::byte> read_tensor(const GgufTensor& tensor, const InputFile& file) {
  std::vector<std::byte> bytes(tensor.nbytes);
  file.read_at(tensor.offset, bytes);
  return bytes;
}

int64_t source_row(const PlannedTensor& tensor, int64_t row) {
  if (tensor.interleaved_heads == 0) {
    return row;
  }
  const int64_t head_dim = tensor.source->shape[0] / tensor.interleaved_heads;
  const int64_t half = head_dim / 2;
  const int64_t in_head = row % head_dim;
  return row - in_head + (in_head % half) * 2 + in_head / half;
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
