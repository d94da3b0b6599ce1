// The `quantization` of config.json, read and checked; no MLX here, so that it is fuzzed.
// Source: mlx-lm 0.32.2 utils.py load_model.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "base/json.h"
#include "ops/quantization_mode.h"

namespace burin::nn {

/** One entry of config.json's `quantization`. */
struct QuantizationEntry {
  int group_size = 64;
  int bits = 4;
  ops::QuantizationMode mode = ops::QuantizationMode::Affine;
};

/** By module path; none keeps a module float. */
using QuantizationEntries = std::map<std::string, std::optional<QuantizationEntry>>;

/**
 * The entries of `quantization`, else of a `quantization_config` without a `quant_method`; none without either.
 * Throws: Unsupported for modes and sizes that MLX has not; Corrupt for odd values.
 */
std::optional<QuantizationEntries> read_quantization(const JsonView& config);

/** `entry`, if MLX has it. Throws: Unsupported, naming `where`. */
QuantizationEntry checked(const QuantizationEntry& entry, const std::string& where);

/** The mode besides affine that has groups of this size and codes of this width. */
std::optional<ops::QuantizationMode> float_mode(int group_size, int bits);

}  // namespace burin::nn
