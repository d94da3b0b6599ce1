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
  std::function<void(double fraction, std::string_view what)> on_progress;
};

/**
 * Imports Q4_0, Q4_1 (affine 4-bit, group 32), Q8_0 (affine 8-bit, group 32), F16, BF16 and F32 tensors exactly.
 * Returns {model_type, tensors, size_bytes, quantization}.
 * Throws: NotFound, Corrupt, Unsupported (architecture, tensor type or tokenizer named) before anything is written;
 * InvalidArgument when `out_dir` exists.
 */
Json import_gguf(const GgufImportOptions& options);

}  // namespace burin::quantize
