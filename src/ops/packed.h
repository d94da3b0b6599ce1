// Affine and 4-bit float weights in the layout that the CPU's kernels read in one pass, and what uses them. Inputs of a
// matmul are rounded to int8, outliers to int16; nothing of it is for a GPU.
#pragma once

#include <cstddef>
#include <memory>

#include "kernels/packed.h"
#include "ops/array.h"

namespace burin::ops {

/** `Exact` keeps every product in float32; `Fast` packs weights and rounds what they multiply.
 */
enum class Precision { Fast, Exact };

using kernels::can_pack;
using kernels::can_pack_e2m1;
using kernels::kPanelHeight;
using kernels::pack;
using kernels::packed_form;
using kernels::PackedMatrix;
using kernels::QuantizedMatrix;
using kernels::Rounding;
using kernels::ScaleType;

/** As finely as 16 bits allow: for the logits, whose errors nothing averages out. */
constexpr Rounding kTwoBytes{.bound = 0.0F};

/** A packed matrix and a share in its memory. */
class PackedWeight {
 public:
  PackedWeight(const PackedMatrix& shape, std::shared_ptr<std::byte> data) : matrix_(shape), data_(std::move(data)) {
    matrix_.data = data_.get();
  }
  const PackedMatrix& matrix() const { return matrix_; }
  std::byte* data() { return data_.get(); }

 private:
  PackedMatrix matrix_;
  std::shared_ptr<std::byte> data_;
};

/** Memory for the matrices of a model, one after another in huge pages where the system has them: short ones too. It
 * goes with the last matrix. */
class PackedArena {
 public:
  /** Zeros. Throws: ResourceExhausted. */
  std::shared_ptr<PackedWeight> allocate(const PackedMatrix& shape);

 private:
  std::shared_ptr<std::byte> region_;
  size_t used_ = 0;
  size_t size_ = 0;
};

using PackedWeightPtr = std::shared_ptr<const PackedWeight>;

/** x @ dequantize(w)^T. Its gradient is that of the product without rounding. Shapes: x (.., K) -> (.., N), float32. */
mx::array packed_matmul(const mx::array& x, const PackedWeightPtr& w, const Rounding& rounding = {});

/** dy @ dequantize(w), every product in float32. Shapes: dy (.., N) -> (.., K), float32. */
mx::array packed_matmul_transposed(const mx::array& dy, const PackedWeightPtr& w);

/** Rows of the dequantized table. Shapes: ids (..) -> (.., K), float32. */
mx::array packed_embedding(const mx::array& ids, const PackedWeightPtr& w);

}  // namespace burin::ops
