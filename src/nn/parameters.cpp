#include "nn/parameters.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/error.h"
#include "base/quantization.h"

namespace burin::nn {
namespace {

using ops::QuantizationMode;

/** The modes besides affine have one shape each. */
constexpr std::array<QuantizationEntry, 3> kFloatModes{
    {{32, 4, QuantizationMode::Mxfp4}, {32, 8, QuantizationMode::Mxfp8}, {16, 4, QuantizationMode::Nvfp4}}};

QuantizationEntry checked(QuantizationEntry entry, const std::string& where) {
  if (!is_supported_quantization(name(entry.mode), entry.bits, entry.group_size)) {
    throw Error(
        ErrorCode::Unsupported, where,
        fmt::format("{} quantization with {} bits in groups of {}", name(entry.mode), entry.bits, entry.group_size))
        .hint(
            "supported: affine with 2, 3, 4, 5, 6, 8 bits in groups of 32, 64 or 128; mxfp4 and mxfp8 in groups of 32; "
            "nvfp4 in groups of 16");
  }
  return entry;
}

QuantizationEntry defaults_of(const JsonView& view) {
  const std::string mode = view.string_or("mode", "affine");
  if (mode == "affine") {
    return {};
  }
  for (const QuantizationEntry& known : kFloatModes) {
    if (name(known.mode) == mode) {
      return known;
    }
  }
  throw Error(ErrorCode::Unsupported, view.source(), "quantization mode \"" + mode + "\"")
      .hint("supported: affine, mxfp4, mxfp8, nvfp4");
}

/** null means the mode's own default. */
QuantizationEntry parse_entry(const JsonView& view) {
  QuantizationEntry entry = defaults_of(view);
  entry.group_size = static_cast<int>(view.integer_or("group_size", entry.group_size, 1, 1 << 20));
  entry.bits = static_cast<int>(view.integer_or("bits", entry.bits, 1, 64));
  return checked(entry, view.source());
}

/** Scales of one byte tell the mode by the shape of the groups; all others are affine. */
QuantizationMode mode_of(const StoredTensor& scales, int group_size, int bits) {
  for (const QuantizationEntry& known : kFloatModes) {
    if (scales.dtype == mx::uint8 && known.group_size == group_size && known.bits == bits) {
      return known.mode;
    }
  }
  return QuantizationMode::Affine;
}

[[noreturn]] void refuse_foreign_method(const JsonView& legacy) {
  throw Error(ErrorCode::Unsupported, legacy.source(),
              "quantization method \"" + legacy.string_or("quant_method", "unknown") + "\"")
      .hint("use an MLX conversion of this model (config.json with \"quantization\")");
}

}  // namespace

QuantizationMap QuantizationMap::from_config(const JsonView& config) {
  QuantizationMap map;
  const auto quantization = config.object("quantization");
  if (!quantization) {
    if (const auto legacy = config.object("quantization_config")) {
      if (legacy->has("quant_method") || !legacy->has("bits")) {
        refuse_foreign_method(*legacy);
      }
    }
    return map;
  }
  map.any_ = true;
  parse_entry(*quantization);
  for (const auto& [key, value] : quantization->json().items()) {
    if (value.is_object()) {
      map.entries_[key] = parse_entry(JsonView(value, quantization->source() + " > " + key));
    } else if (value.is_boolean() && !value.get<bool>()) {
      map.entries_[key] = std::nullopt;
    }
  }
  return map;
}

std::optional<QuantizationEntry> QuantizationMap::entry(const std::string& path, int input_dims,
                                                        const StoredTensor* weight, const StoredTensor* scales) const {
  if (const auto it = entries_.find(path); it != entries_.end()) {
    return it->second;
  }
  const auto last = [](const StoredTensor* t) { return t == nullptr || t->shape.empty() ? 0 : t->shape.back(); };
  if (!any_ || last(scales) < 1) {
    return std::nullopt;
  }
  const int group_size = input_dims / last(scales);
  const auto bits = static_cast<int>(int64_t{last(weight)} * 32 / input_dims);
  return checked({.group_size = group_size, .bits = bits, .mode = mode_of(*scales, group_size, bits)}, path);
}

void Parameters::require(const std::string& name, const mx::Shape& shape, bool floating) const {
  const StoredTensor* stored = source_.find(name);
  if (stored == nullptr) {
    throw Error(ErrorCode::Corrupt, "weights", "tensor " + name + " is missing")
        .hint("the folder does not hold what its config.json describes; download it again");
  }
  if (stored->shape != shape) {
    throw Error(ErrorCode::Corrupt, "weights",
                fmt::format("tensor {} has shape ({}), expected ({})", name, fmt::join(stored->shape, ", "),
                            fmt::join(shape, ", ")));
  }
  if (floating != mx::issubdtype(stored->dtype, mx::floating)) {
    throw Error(ErrorCode::Corrupt, "weights",
                "tensor " + name + (floating ? " must hold floats" : " must hold integers"));
  }
}

mx::array Parameters::tensor(const std::string& name, const mx::Shape& shape) {
  require(prefix_ + name, shape, true);
  return source_.take(prefix_ + name, widen_);
}

mx::array Parameters::scalar(const std::string& name) {
  const StoredTensor* stored = source_.find(prefix_ + name);
  const bool one = stored != nullptr && stored->shape == mx::Shape{1};
  return mx::reshape(tensor(name, one ? mx::Shape{1} : mx::Shape{}), {});
}

WeightMatrix Parameters::matrix(const std::string& name, int rows, int cols) {
  const std::string path = prefix_ + name;
  const StoredTensor* weight = source_.find(path + ".weight");
  if (const auto entry = map_.entry(path, cols, weight, source_.find(path + ".scales"))) {
    return quantized_matrix(path, rows, cols, *entry);
  }
  return {.dense = tensor(name + ".weight", {rows, cols}), .quantized = std::nullopt};
}

WeightMatrix Parameters::quantized_matrix(const std::string& path, int rows, int cols, const QuantizationEntry& entry) {
  if (cols % entry.group_size != 0) {
    throw Error(ErrorCode::Corrupt, "weights",
                fmt::format("{}: {} columns do not divide into groups of {}", path, cols, entry.group_size));
  }
  const int packed = static_cast<int>(int64_t{cols} * entry.bits / 32);
  const mx::Shape groups{rows, cols / entry.group_size};
  require(path + ".weight", {rows, packed}, false);
  if (source_.find(path + ".weight")->dtype != mx::uint32) {
    throw Error(ErrorCode::Corrupt, "weights", "tensor " + path + ".weight must hold packed uint32");
  }
  const bool affine = entry.mode == QuantizationMode::Affine;
  require(path + ".scales", groups, affine);
  if (affine) {
    require(path + ".biases", groups, true);
  } else if (source_.find(path + ".scales")->dtype != mx::uint8) {
    throw Error(ErrorCode::Corrupt, "weights", "tensor " + path + ".scales must hold uint8");
  }
  ops::QuantizedWeight w{.weight = source_.take(path + ".weight", false),
                         .scales = source_.take(path + ".scales", false),
                         .biases = std::nullopt,
                         .group_size = entry.group_size,
                         .bits = entry.bits,
                         .mode = entry.mode};
  if (affine) {
    w.biases = source_.take(path + ".biases", false);
  }
  return {.dense = std::nullopt, .quantized = std::move(w)};
}

}  // namespace burin::nn
