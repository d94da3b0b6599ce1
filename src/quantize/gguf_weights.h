// Tensors of a GGUF file as MLX stores them: names, row order, packed codes with their scales and biases.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/gguf.h"
#include "base/json.h"
#include "base/safetensors.h"
#include "quantize/gguf_blocks.h"
#include "quantize/gguf_config.h"

namespace burin::quantize {

/** How MLX stores a matrix; bits 0: as floats. */
struct TensorLayout {
  int bits = 0;
  int group_size = 32;
  ops::QuantizationMode mode = ops::QuantizationMode::Affine;

  bool operator==(const TensorLayout&) const = default;
};

/** One tensor on its way: what it becomes and under which module path. */
struct PlannedTensor {
  const GgufTensor* source;
  std::string path;  // "model.layers.0.self_attn.q_proj"
  std::string name;  // with ".weight" or ".bias"
  TensorLayout layout;
  const BlockFormat* format = nullptr;  // null where the file holds floats
  bool requantized = false;             // no layout holds it exactly
  Dtype dtype = Dtype::F16;             // of scales and biases, or of the floats
  int64_t interleaved_heads = 0;        // rows of this many heads are put back in order
  bool minus_one = false;
};

/** The file and what to do with it. */
struct PlanInput {
  const GgufFile& gguf;
  const InputFile& file;
  const GgufFamily& family;
  const Json& config;
  int requantize_bits = 0;  // 0: exact only; 16: float16
};

/**
 * Plans every tensor. Scales are float16 where that holds each exactly, float32 elsewhere.
 * Throws: Unsupported for a tensor type that MLX cannot hold (exactly, without requantize_bits) or a name of no known
 * part; Corrupt for scales that are no numbers.
 */
std::vector<PlannedTensor> plan_tensors(const PlanInput& input);

/** The `quantization` entry of config.json; null when every tensor is float. */
Json quantization_config(const std::vector<PlannedTensor>& plan);

/** The safetensors entries that `tensor` becomes, in the order in which their bytes are written. */
std::vector<TensorInfo> output_tensors(const PlannedTensor& tensor);

/** Bytes of the tensor in the file. */
std::vector<std::byte> read_tensor(const GgufTensor& tensor, const InputFile& file);

/** The stored row that becomes row `row`: heads keep their rows as (pair, half) where MLX wants (half, pair). */
int64_t source_row(const PlannedTensor& tensor, int64_t row);

/** Reads `tensor`, which is not requantized, and writes its entries. */
void convert(const PlannedTensor& tensor, const InputFile& file, SafetensorsWriter& writer);

}  // namespace burin::quantize
