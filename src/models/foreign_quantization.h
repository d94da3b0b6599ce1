// What a checkpoint quantized by another program than MLX says of itself: `quantization_config` and its kin.
// Source: mlx-lm 0.32.2 utils.py load_model; beyond it, the tensors' own names are read for every architecture.
#pragma once

#include <array>
#include <filesystem>
#include <optional>
#include <string>

#include "base/json.h"

namespace burin::models {

/** How the tensors of quantized matrices are stored. */
enum class ForeignLayout {
  MlxNames,        // weight, scales, biases as MLX has them
  PackedColumns,   // AWQ, GPTQ: qweight, qzeros, scales, output columns last
  PackedIntegers,  // compressed-tensors pack-quantized: weight_packed, weight_scale
  PackedMxfp4,     // compressed-tensors: weight_packed, weight_scale
  PackedNvfp4,     // compressed-tensors: the same with weight_global_scale
  ModelOptNvfp4,   // weight, weight_scale, weight_scale_2
  Fp8Blocks,       // weight E4M3, weight_scale_inv float for each block
  Fp8Tiles,        // weight E4M3, weight_scale_inv E8M0 for each 32x32 tile: mxfp8
};

struct ForeignQuantization {
  std::string method;
  ForeignLayout layout = ForeignLayout::MlxNames;
  int bits = 4;
  int group_size = 0;                   // GPTQ: what g_idx is checked against; 0: not said
  int zero_offset = 0;                  // GPTQ stores a zero point less this
  std::array<int, 2> block_size{0, 0};  // Fp8Blocks; 0: one scale for the whole matrix
};

/**
 * The method of a checkpoint without `quantization`: from config.json, its text_config or hf_quant_config.json.
 * None for floats and for MLX's own. Throws: Unsupported, naming the method and what to do; Corrupt for odd values.
 */
std::optional<ForeignQuantization> find_foreign_quantization(const JsonView& config,
                                                             const std::filesystem::path& model_dir);

}  // namespace burin::models
