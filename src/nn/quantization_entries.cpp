#include "nn/quantization_entries.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/error.h"
#include "base/quantization.h"

namespace burin::nn {
namespace {

using ops::QuantizationMode;

/** The modes besides affine have one shape each. */
constexpr std::array<QuantizationEntry, 3> kFloatModes{
    {{32, 4, QuantizationMode::Mxfp4}, {32, 8, QuantizationMode::Mxfp8}, {16, 4, QuantizationMode::Nvfp4}}};

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

/** MLX's own entry: `quantization`, or the copy that older conversions have alone. */
std::optional<JsonView> own_quantization(const JsonView& config) {
  if (config.has("quantization")) {
    return config.object("quantization");
  }
  const auto copy = config.object("quantization_config");
  return copy && !copy->has("quant_method") && copy->has("bits") ? copy : std::nullopt;
}

}  // namespace

QuantizationEntry checked(const QuantizationEntry& entry, const std::string& where) {
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

std::optional<QuantizationMode> float_mode(int group_size, int bits) {
  const auto it = std::ranges::find_if(kFloatModes, [&](const QuantizationEntry& known) {
    return known.group_size == group_size && known.bits == bits;
  });
  return it == kFloatModes.end() ? std::nullopt : std::optional(it->mode);
}

std::optional<QuantizationEntries> read_quantization(const JsonView& config) {
  const auto quantization = own_quantization(config);
  if (!quantization) {
    return std::nullopt;
  }
  QuantizationEntries entries;
  parse_entry(*quantization);
  for (const auto& [key, value] : quantization->json().items()) {
    if (value.is_object()) {
      entries[key] = parse_entry(JsonView(value, quantization->source() + " > " + key));
    } else if (value.is_boolean() && !value.get<bool>()) {
      entries[key] = std::nullopt;
    }
  }
  return entries;
}

}  // namespace burin::nn
