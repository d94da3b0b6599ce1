// Tensors of a GGUF file as MLX stores them: names, row order, packed codes with their scales and biases.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/gguf.h"
#include "base/json.h"
#include "base/safetensors.h"
#include "quantize/gguf_config.h"

namespace burin::quantize {

/** Affine layout that holds a GGUF block type exactly; bits 0 means the tensor stays float. */
struct AffineLayout {
  int bits = 0;
  int group_size = 32;
};

/** One tensor on its way: what it becomes and under which module path. */
struct PlannedTensor {
  const GgufTensor* source;
  std::string path;  // "model.layers.0.self_attn.q_proj"
  std::string name;  // with ".weight" or ".bias"
  AffineLayout layout;
  Dtype scale_dtype = Dtype::F16;  // F32 where a bias would overflow
  int64_t interleaved_heads = 0;   // rows of this many heads are put back in order
  bool minus_one = false;
};

/**
 * Plans every tensor. Throws: Unsupported for a tensor type that MLX cannot hold exactly or a name of no known part;
 * Corrupt for scales that are no numbers.
 */
std::vector<PlannedTensor> plan_tensors(const GgufFile& gguf, const GgufFamily& family, const Json& config,
                                        const InputFile& file);

/** The `quantization` entry of config.json; null when every tensor is float. */
Json quantization_config(const std::vector<PlannedTensor>& plan);

/** The safetensors entries that `tensor` becomes, in the order convert() writes them. */
std::vector<TensorInfo> output_tensors(const PlannedTensor& tensor);

/** Reads `tensor` and writes its entries. */
void convert(const PlannedTensor& tensor, const InputFile& file, SafetensorsWriter& writer);

}  // namespace burin::quantize
