#include "nn/parameters.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/error.h"

namespace burin::nn {
using ops::QuantizationMode;

QuantizationMap QuantizationMap::from_config(const JsonView& config) {
  QuantizationMap map;
  if (auto entries = read_quantization(config)) {
    map.any_ = true;
    map.entries_ = std::move(*entries);
  }
  return map;
}

QuantizationMap QuantizationMap::from_shapes() {
  QuantizationMap map;
  map.any_ = true;
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
  // Scales of one byte tell the mode by the shape of the groups; all others are affine.
  const auto small_float = scales->dtype == mx::uint8 ? float_mode(group_size, bits) : std::nullopt;
  return checked({.group_size = group_size, .bits = bits, .mode = small_float.value_or(QuantizationMode::Affine)},
                 path);
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
  require(path + ".weight", {rows, cols}, true);  // the CPU's kernels widen it as they read it
  return {.dense = source_.take(path + ".weight", widen_ && weight->computed),
          .quantized = std::nullopt,
          .packed = nullptr};
}

/** What runs on a GPU, and what must be exact, keeps MLX's layout. */
bool Parameters::packs(const QuantizationEntry& entry, int cols) const {
  if (precision_ == ops::Precision::Exact || mx::default_device() != mx::Device::cpu) {
    return false;
  }
  switch (entry.mode) {
    case QuantizationMode::Affine:
      return ops::can_pack(entry.bits, entry.group_size);
    case QuantizationMode::Mxfp8:
      return false;  // its codes span more than int8
    default:
      return ops::can_pack_e2m1(cols);
  }
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
  if (packs(entry, cols)) {
    if (ops::PackedWeightPtr weight = source_.pack(path, entry)) {
      return {.dense = std::nullopt, .quantized = std::nullopt, .packed = std::move(weight)};
    }
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
  return {.dense = std::nullopt, .quantized = std::move(w), .packed = nullptr};
}

}  // namespace burin::nn
