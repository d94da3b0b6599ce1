// Matmul and lookup with quantized weights: our kernels on the CPU, MLX's own on a GPU.
#pragma once

#include <optional>

#include "kernels/qmatmul.h"
#include "ops/array.h"
#include "ops/quantization_mode.h"

namespace burin::ops {

/** Codes are packed as little-endian bit streams. */
struct QuantizedWeight {
  mx::array weight;                 // (N, K * bits / 32) uint32
  mx::array scales;                 // (N, K / group_size) float32, float16 or bfloat16; uint8 where not affine
  std::optional<mx::array> biases;  // as scales; affine only
  int group_size;
  int bits;
  QuantizationMode mode = QuantizationMode::Affine;
};

/** How a kernel reads affine scales of this type; none: it cannot. */
std::optional<kernels::ScaleType> scale_type(mx::Dtype dtype);

/** How a kernel reads scales of this type and mode; none: it cannot. */
std::optional<kernels::ScaleType> scale_type(mx::Dtype dtype, QuantizationMode mode);

/** x @ dequantize(w)^T. Shapes: x (.., K) -> (.., N). On the CPU every product is in float32. */
mx::array quantized_matmul(const mx::array& x, const QuantizedWeight& w);

/** Rows of the dequantized table. Shapes: ids (..) -> (.., K), float32 on the CPU. */
mx::array quantized_embedding(const mx::array& ids, const QuantizedWeight& w);

}  // namespace burin::ops
