#include "models/text_tower.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/error.h"

namespace burin::models {
namespace {

constexpr std::string_view kPrefix = "language_model.";

}  // namespace

nn::DecoderSpec text_tower(const Architecture& inner, const JsonView& config, const HasTensor& has_tensor) {
  const auto text_config = config.object("text_config");
  const HasTensor below = [&](const std::string& name) { return has_tensor(fmt::format("{}{}", kPrefix, name)); };
  nn::DecoderSpec spec = inner.spec(text_config ? *text_config : config, below);
  spec.prefix = kPrefix;
  return spec;
}

nn::DecoderSpec text_tower(const Architecture& inner, const JsonView& config, const HasTensor& has_tensor,
                           const std::function<void(Json&)>& complete) {
  const auto text_config = config.object("text_config");
  if (!text_config) {
    throw Error(ErrorCode::Corrupt, config.source(), "\"text_config\" is missing");
  }
  Json text = text_config->json();
  complete(text);
  Json whole = config.json();
  whole["text_config"] = std::move(text);
  return text_tower(inner, JsonView(whole, config.source()), has_tensor);
}

std::optional<SanitizedName> text_tower_name(const std::string& name) {
  static constexpr std::array<std::string_view, 5> kOthers{"vision_tower.", "multi_modal_projector.", "visual.",
                                                           "vision_model.", "audio_tower."};
  static constexpr std::string_view kNested = "model.language_model.";
  const std::string_view bare = std::string_view(name).substr(name.starts_with("model.") ? 6 : 0);
  if (std::ranges::any_of(kOthers, [&](std::string_view other) { return bare.starts_with(other); })) {
    return std::nullopt;
  }
  if (name.starts_with(kNested)) {
    return SanitizedName{.name = fmt::format("{}model.{}", kPrefix, name.substr(kNested.size()))};
  }
  return SanitizedName{.name = name.starts_with(kPrefix) ? name : fmt::format("{}{}", kPrefix, name)};
}

}  // namespace burin::models
