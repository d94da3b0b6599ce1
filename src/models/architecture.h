// The table of architectures: each file turns config.json into a DecoderSpec.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "nn/spec.h"

namespace burin::models {

/** Whether the checkpoint holds a tensor of this name. */
using HasTensor = std::function<bool(const std::string& name)>;

/** What one architecture file offers. */
struct Architecture {
  std::string_view model_type;
  std::vector<std::string_view> aliases;
  std::string_view summary;
  std::string_view source;
  nn::DecoderSpec (*spec)(const JsonView& config, const HasTensor& has_tensor);
};

/** All architectures, sorted by model_type. */
std::span<const Architecture* const> architectures();

/** The architecture of config.json's model_type. Throws: Unsupported, listing what is supported. */
const Architecture& find_architecture(const JsonView& config);

}  // namespace burin::models
