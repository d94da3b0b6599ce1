#include "base/prompt_cache_file.h"

#include <array>
#include <charconv>
#include <cstring>
#include <limits>
#include <optional>

#include "base/error.h"

namespace burin {
namespace {

constexpr size_t kMaxLayers = 10'000;

using Metadata = std::map<std::string, std::string>;

[[noreturn]] void refuse(const InputFile& file, const std::string& why) {
  throw Error(ErrorCode::Corrupt, file.name(), "is no prompt cache: " + why);
}

/** "3.0.1" -> 3, "0.1". */
std::optional<std::pair<size_t, std::string>> split_path(const std::string& path) {
  size_t index = 0;
  const auto [end, error] = std::from_chars(path.data(), path.data() + path.size(), index);
  const auto rest = static_cast<size_t>(end - path.data());
  if (error != std::errc() || rest + 1 >= path.size() || path[rest] != '.') {
    return std::nullopt;
  }
  return std::pair{index, path.substr(rest + 1)};
}

std::vector<SavedCacheLayer> read_classes(const InputFile& file, const Metadata& metadata) {
  std::vector<SavedCacheLayer> layers;
  for (auto it = metadata.find("1.0"); it != metadata.end(); it = metadata.find("1." + std::to_string(layers.size()))) {
    layers.push_back({.class_name = it->second, .arrays = {}, .scalars = {}});
    if (layers.size() > kMaxLayers) {
      refuse(file, "it has too many layers");
    }
  }
  if (layers.empty()) {
    refuse(file, "it names no layers");
  }
  return layers;
}

/** The paths of the tensors that stand for plain numbers. */
std::map<std::string, std::string> read_scalar_kinds(const Metadata& metadata) {
  std::map<std::string, std::string> kinds;
  for (size_t i = 1;; ++i) {
    const auto path = metadata.find("2." + std::to_string(i) + ".0");
    const auto kind = metadata.find("2." + std::to_string(i) + ".1");
    if (path == metadata.end() || kind == metadata.end()) {
      return kinds;
    }
    kinds[path->second] = kind->second;
  }
}

int read_scalar(const InputFile& file, const TensorInfo& tensor) {
  const bool wide = tensor.dtype == Dtype::I64;
  if ((!wide && tensor.dtype != Dtype::I32) || !tensor.shape.empty()) {
    refuse(file, tensor.name + " is no whole number");
  }
  std::array<std::byte, sizeof(int64_t)> bytes{};
  file.read_at(tensor.offset, std::span(bytes).first(tensor.nbytes));
  int64_t value = 0;
  std::memcpy(&value, bytes.data(), sizeof value);
  if (!wide) {
    value = static_cast<int32_t>(value);
  }
  if (value < std::numeric_limits<int>::min() || value > std::numeric_limits<int>::max()) {
    refuse(file, tensor.name + " is out of range");
  }
  return static_cast<int>(value);
}

}  // namespace

PromptCacheFile read_prompt_cache_file(const InputFile& file) {
  const SafetensorsHeader header = read_safetensors_header(file);
  PromptCacheFile content{.layers = read_classes(file, header.metadata), .user_metadata = {}};
  for (const auto& [key, value] : header.metadata) {
    if (key.starts_with("0.")) {
      content.user_metadata[key.substr(2)] = value;
    }
  }
  const auto kinds = read_scalar_kinds(header.metadata);
  for (const TensorInfo& tensor : header.tensors) {
    const auto place = split_path(tensor.name);
    if (!place || place->first >= content.layers.size()) {
      refuse(file, tensor.name + " belongs to no layer");
    }
    SavedCacheLayer& layer = content.layers[place->first];
    const auto kind = kinds.find(tensor.name);
    if (kind == kinds.end()) {
      layer.arrays[place->second] = tensor;
    } else if (kind->second == "scalar") {
      layer.scalars[place->second] = read_scalar(file, tensor);
    } else {
      throw Error(ErrorCode::Unsupported, file.name(),
                  "its layer of class " + layer.class_name + " keeps something that is no number");
    }
  }
  return content;
}

std::map<std::string, std::string> prompt_cache_metadata(const PromptCacheFile& content) {
  Metadata metadata;
  for (const auto& [key, value] : content.user_metadata) {
    metadata["0." + key] = value;
  }
  metadata["2.0"] = "";
  size_t scalars = 0;
  for (size_t i = 0; i < content.layers.size(); ++i) {
    const std::string layer = std::to_string(i) + ".";
    metadata["1." + std::to_string(i)] = content.layers[i].class_name;
    for (const auto& [path, value] : content.layers[i].scalars) {
      const std::string entry = "2." + std::to_string(++scalars);
      metadata[entry + ".0"] = layer + path;
      metadata[entry + ".1"] = "scalar";
    }
  }
  return metadata;
}

}  // namespace burin
