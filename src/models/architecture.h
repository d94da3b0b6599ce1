// The table of architectures: each file turns config.json into a DecoderSpec.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "nn/spec.h"

namespace burin::models {

/** Whether the checkpoint holds a tensor of this name. */
using HasTensor = std::function<bool(const std::string& name)>;

/** A stored tensor under the name that the decoder knows. */
struct SanitizedName {
  std::string name;
  bool transposed = false;  // stored (K, N) where the decoder wants (N, K)
};

/** What one architecture file offers. */
struct Architecture {
  std::string_view model_type;
  std::vector<std::string_view> aliases;
  std::string_view summary;
  std::string_view source;
  nn::DecoderSpec (*spec)(const JsonView& config, const HasTensor& has_tensor);
  /** The decoder's name for a stored tensor, none for one it has no use for; null: names are as stored. */
  std::optional<SanitizedName> (*sanitize)(const std::string& name) = nullptr;
};

/** All architectures, sorted by model_type. */
std::span<const Architecture* const> architectures();

/** The architecture of config.json's model_type. Throws: Unsupported, listing what is supported. */
const Architecture& find_architecture(const JsonView& config);

}  // namespace burin::models
