// The block formats of GGUF as codes with a scale and a bias for each group, and MLX's packing of such codes.
// Source: the PyPI package gguf 0.19.0, quants.py; MLX 0.32 packs each row as one little-endian bit stream.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "ops/quantization_mode.h"

namespace burin::quantize {

/** One unpacked block: value i is scales[g] * codes[i] + biases[g], g = i / group; float modes have scale codes. */
struct BlockValues {
  std::array<uint8_t, 256> codes;
  std::array<float, 16> scales;
  std::array<float, 16> biases;
  std::array<uint8_t, 16> scale_codes;
};

/** One block format. */
struct BlockFormat {
  std::string_view name;  // as GgufTensorType names it
  int values;             // in one block
  int bytes;              // of one block
  int bits;               // of one code
  int group;              // values that share scale and bias
  ops::QuantizationMode mode;
  void (*unpack)(const uint8_t* block, BlockValues& out);

  /** Whether an MLX layout holds every value exactly: groups of 16 exist only in nvfp4. */
  bool is_exact() const { return group >= 32 || mode != ops::QuantizationMode::Affine; }
};

/** Null for types that are no blocks, or whose codes stand for vectors (other IQ*) or digits (TQ*). */
const BlockFormat* find_block_format(std::string_view name);

/** Values of one block in float32; exact for every affine format but for the rounding of the last addition. */
void dequantize_block(const BlockFormat& format, const uint8_t* block, float* out);

/** Writes codes.size() * bits / 8 bytes: code i at bits [i * bits, (i + 1) * bits). */
void pack_codes(std::span<const uint8_t> codes, int bits, std::byte* out);

}  // namespace burin::quantize
