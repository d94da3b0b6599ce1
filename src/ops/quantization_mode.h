// How codes of quantized weights become values. No MLX here: configuration is read, and fuzzed, without it.
#pragma once

#include <string_view>

namespace burin::ops {

/** Affine: scale * code + bias. The others are small floats with a scale for each group and no bias: OCP MX (E2M1 or
 * E4M3 codes, power-of-two scales) and NVFP4 (E2M1 codes, E4M3 scales). */
enum class QuantizationMode { Affine, Mxfp4, Mxfp8, Nvfp4 };

/** MLX's name of the mode: "affine", "mxfp4", "mxfp8", "nvfp4". */
std::string_view name(QuantizationMode mode);

}  // namespace burin::ops
