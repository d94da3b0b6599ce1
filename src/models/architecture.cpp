#include "models/architecture.h"

#include <algorithm>
#include <array>

#include "base/error.h"

namespace burin::models {

#define ARCHITECTURE(name) extern const Architecture name##_architecture;
#include "models/architectures.def"
#undef ARCHITECTURE

std::span<const Architecture* const> architectures() {
#define ARCHITECTURE(name) &name##_architecture,
  static const std::array kTable{
#include "models/architectures.def"
  };
#undef ARCHITECTURE
  return kTable;
}

const Architecture& find_architecture(const JsonView& config) {
  const std::string model_type = config.string("model_type");
  std::string known;
  for (const Architecture* entry : architectures()) {
    if (entry->model_type == model_type || std::ranges::find(entry->aliases, model_type) != entry->aliases.end()) {
      return *entry;
    }
    known += (known.empty() ? "" : ", ") + std::string(entry->model_type);
    for (const std::string_view alias : entry->aliases) {
      known += ", " + std::string(alias);
    }
  }
  throw Error(ErrorCode::Unsupported, config.source(), "model_type \"" + model_type + "\" is not supported")
      .hint("supported: " + known)
      .fact("model_type", model_type);
}

}  // namespace burin::models
