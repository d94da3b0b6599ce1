#include "hub/runtime_check.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/quantization.h"

namespace burin::hub {
namespace {

uint64_t weight_bytes(const ModelFolder& folder) {
  uint64_t total = 0;
  for (const ModelFile& file : folder.files()) {
    const bool top = file.name.find('/') == std::string::npos;
    total += top && file.name.ends_with(".safetensors") ? file.size_bytes : 0;
  }
  return total;
}

/** An absent member as the loader takes it; -1 for something that is no integer of a sane size. */
int integer_or(const Json& object, const char* key, int fallback) {
  const Json& value = member(object, key);
  if (value.is_null()) {
    return fallback;
  }
  return value.is_number_integer() && value >= 0 && value <= 1024 ? value.get<int>() : -1;
}

std::string quantization_problem(const Json& config) {
  const Json quantization = quantization_of(config);
  if (!quantization.is_object() || !quantization.contains("bits")) {
    return "";
  }
  const std::string given = text_member(quantization, "mode");
  const std::string mode = given.empty() ? "affine" : given;
  const int bits = integer_or(quantization, "bits", 4);
  const int group_size = integer_or(quantization, "group_size", 64);
  return is_supported_quantization(mode, bits, group_size)
             ? ""
             : fmt::format("quantization {} in {} bits and groups of {} is not supported", mode, bits, group_size);
}

}  // namespace

const Json& member(const Json& object, const char* key) {
  static const Json none;
  const auto it = object.is_object() ? object.find(key) : object.end();
  return object.is_object() && it != object.end() ? *it : none;
}

std::string text_member(const Json& object, const char* key) {
  const Json& value = member(object, key);
  return value.is_string() ? value.get<std::string>() : "";
}

Json quantization_of(const Json& config) {
  const Json& given = member(config, "quantization");
  if (!given.is_object()) {
    return nullptr;
  }
  Json result = Json::object();
  for (const auto& [key, value] : given.items()) {
    if (value.is_number() || value.is_string()) {
      result[key] = value;
    }
  }
  return result;
}

RuntimeVerdict check_runtime(const ModelFolder& folder, const RuntimeFacts& facts) {
  if (!folder.has_extension(".safetensors")) {
    return {folder.has_extension(".gguf") ? "its weights are GGUF: `burin import` makes a model of them"
                                          : "no safetensors weights"};
  }
  const std::string type = text_member(folder.config(), "model_type");
  if (type.empty()) {
    return {"config.json names no model_type"};
  }
  if (std::ranges::find(facts.supported, type) == facts.supported.end()) {
    return {"model_type \"" + type + "\" is not supported"};
  }
  if (std::string problem = quantization_problem(folder.config()); !problem.empty()) {
    return {problem};
  }
  if (const uint64_t bytes = weight_bytes(folder); facts.memory_bytes > 0 && bytes > facts.memory_bytes) {
    return {fmt::format("its weights need {:.1f} GB, this machine has {:.1f} GB", static_cast<double>(bytes) / 1e9,
                        static_cast<double>(facts.memory_bytes) / 1e9)};
  }
  return {};
}

Json null_when_empty(const std::string& text) {
  return text.empty() ? Json(nullptr) : Json(text);
}

}  // namespace burin::hub
