// How modules get their tensors: by name, with the shape they must have, quantized where the checkpoint says so.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "nn/quantization_entries.h"
#include "ops/packed.h"
#include "ops/quantized.h"

namespace burin::nn {

/** Shape and type of a stored tensor, before its bytes are read. */
struct StoredTensor {
  mx::Shape shape;
  mx::Dtype dtype;
  bool computed = false;  // from several tensors: it keeps all digits only where it is widened
};

/** Where tensors come from. Arrays are handed out before their bytes are read; nothing may evaluate them until then. */
class TensorSource {
 public:
  virtual ~TensorSource() = default;
  /** Null when there is no tensor of that name. */
  virtual const StoredTensor* find(const std::string& name) const = 0;
  /** Marks the tensor as used; floats are widened to float32 when `widen`. */
  virtual mx::array take(const std::string& name, bool widen) = 0;
  /**
   * Weight, scales and (affine) biases of the module at `path` in the layout of the CPU's kernels, filled with the
   * arrays; null where the source cannot.
   */
  virtual ops::PackedWeightPtr pack(const std::string& path, const QuantizationEntry& entry) = 0;
};

/**
 * The quantization map of a checkpoint: a default and entries by module path; `false` keeps a module float.
 * Source: mlx-lm 0.32.2 utils.py load_model.
 */
class QuantizationMap {
 public:
  QuantizationMap() = default;
  /**
   * From `quantization`, else from a `quantization_config` without a `quant_method`.
   * Throws: Unsupported for unknown modes; Corrupt for odd values.
   */
  static QuantizationMap from_config(const JsonView& config);
  /** No entries: shapes decide everywhere. */
  static QuantizationMap from_shapes();

  bool any() const { return any_; }
  /** How the module at `path` is stored, none for plain floats; shapes decide where the map has no entry. */
  std::optional<QuantizationEntry> entry(const std::string& path, int input_dims, const StoredTensor* weight,
                                         const StoredTensor* scales) const;

 private:
  bool any_ = false;
  QuantizationEntries entries_;
};

/** A weight matrix in one of its forms. */
struct WeightMatrix {
  std::optional<mx::array> dense;  // (N, K)
  std::optional<ops::QuantizedWeight> quantized;
  ops::PackedWeightPtr packed;
};

/** Hands out checked parameters. Throws: Corrupt, naming the tensor, when one is missing or misshaped. */
class Parameters {
 public:
  /** `prefix` goes in front of every name and path. */
  Parameters(TensorSource& source, QuantizationMap map, ops::Precision precision, bool widen, std::string prefix = "")
      : source_(source), map_(std::move(map)), precision_(precision), widen_(widen), prefix_(std::move(prefix)) {}

  /** Weight (rows, cols) of the module at `path`, quantized or not. */
  WeightMatrix matrix(const std::string& path, int rows, int cols);
  /** A 1-D or other plain tensor of exactly `shape`. */
  mx::array tensor(const std::string& name, const mx::Shape& shape);
  /** One number, stored with shape () or (1); its shape is (). */
  mx::array scalar(const std::string& name);

 private:
  bool packs(const QuantizationEntry& entry, int cols) const;
  WeightMatrix quantized_matrix(const std::string& path, int rows, int cols, const QuantizationEntry& entry);
  void require(const std::string& name, const mx::Shape& shape, bool floating) const;

  TensorSource& source_;
  QuantizationMap map_;
  ops::Precision precision_;
  bool widen_;
  std::string prefix_;
};

}  // namespace burin::nn
