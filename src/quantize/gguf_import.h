// GGUF to an MLX folder: weights, config.json, tokenizer and chat template, without losing a bit.
// Flow: GgufFile -> config + tensor plan + tokenizer -> a temporary folder -> renamed into place.
#pragma once

#include <filesystem>
#include <functional>
#include <string_view>

#include "base/json.h"

namespace burin::quantize {

struct GgufImportOptions {
  std::filesystem::path file;
  std::filesystem::path out_dir;  // made here; must not exist
  int requantize_bits = 0;        // for tensors that MLX cannot hold exactly; 0: refuse them; 16: float16
  std::function<void(double fraction, std::string_view what)> on_progress;
};

/**
 * Imports Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q4_K, Q5_K (affine, group 32), IQ4_NL, IQ4_XS (8 bits hold their table), MXFP4,
 * NVFP4, F16, BF16 and F32 exactly; Q2_K, Q3_K, Q6_K (groups of 16) by way of float32 in `requantize_bits`.
 * Returns {model_type, tensors, size_bytes, quantization, requantized[{type, tensors, bits, rms_error, ..}]}.
 * Throws: NotFound, Corrupt, Unsupported (architecture, tensor type or tokenizer named) before anything is written;
 * InvalidArgument when `out_dir` exists.
 */
Json import_gguf(const GgufImportOptions& options);

}  // namespace burin::quantize
