#include "nn/parameters.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/error.h"

namespace burin::nn {
namespace {

constexpr std::array kBits{2, 3, 4, 5, 6, 8};
constexpr std::array kGroupSizes{32, 64, 128};

template <typename List>
bool contains(const List& list, int value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

QuantizationEntry checked(QuantizationEntry entry, const std::string& where) {
  if (!contains(kBits, entry.bits) || !contains(kGroupSizes, entry.group_size)) {
    throw Error(ErrorCode::Unsupported, where,
                fmt::format("affine quantization with {} bits in groups of {}", entry.bits, entry.group_size))
        .hint("supported: 2, 3, 4, 5, 6, 8 bits in groups of 32, 64 or 128");
  }
  return entry;
}

/** null means the mode's own default: 64 and 4 for affine. */
QuantizationEntry parse_entry(const JsonView& view) {
  if (const std::string mode = view.string_or("mode", "affine"); mode != "affine") {
    throw Error(ErrorCode::Unsupported, view.source(), "quantization mode \"" + mode + "\"")
        .hint("use a checkpoint quantized with mode affine");
  }
  return checked({.group_size = static_cast<int>(view.integer_or("group_size", 64, 1, 1 << 20)),
                  .bits = static_cast<int>(view.integer_or("bits", 4, 1, 64))},
                 view.source());
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

std::optional<QuantizationEntry> QuantizationMap::entry(const std::string& path, bool has_scales, int input_dims,
                                                        int packed_cols, int scale_cols) const {
  if (const auto it = entries_.find(path); it != entries_.end()) {
    return it->second;
  }
  if (!any_ || !has_scales || scale_cols < 1) {
    return std::nullopt;
  }
  return checked(
      {.group_size = input_dims / scale_cols, .bits = static_cast<int>(int64_t{packed_cols} * 32 / input_dims)}, path);
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
                "tensor " + name + (floating ? " must hold floats" : " must hold packed uint32"));
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
  const StoredTensor* scales = source_.find(path + ".scales");
  const StoredTensor* weight = source_.find(path + ".weight");
  const auto last = [](const StoredTensor* t) { return t == nullptr || t->shape.empty() ? 0 : t->shape.back(); };
  if (const auto entry = map_.entry(path, scales != nullptr, cols, last(weight), last(scales))) {
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
  require(path + ".scales", groups, true);
  require(path + ".biases", groups, true);
  return {.dense = std::nullopt,
          .quantized = ops::QuantizedWeight{.weight = source_.take(path + ".weight", false),
                                            .scales = source_.take(path + ".scales", false),
                                            .biases = source_.take(path + ".biases", false),
                                            .group_size = entry.group_size,
                                            .bits = entry.bits}};
}

}  // namespace burin::nn
