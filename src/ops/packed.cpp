#include "ops/packed.h"

#include <algorithm>

#include "base/memory_map.h"
#include "ops/cpu_primitive.h"

namespace burin::ops {
namespace {

constexpr size_t kRegion = size_t{256} << 20;  // of addresses: what is never written takes no memory
constexpr size_t kAlignment = 64;

size_t rounded_up(size_t size, size_t to) {
  return (size + to - 1) / to * to;
}

}  // namespace

std::shared_ptr<PackedWeight> PackedArena::allocate(const PackedMatrix& shape) {
  const size_t wanted = rounded_up(static_cast<size_t>(shape.nbytes()), kAlignment);
  if (used_ + wanted > size_) {
    size_ = std::max(kRegion, rounded_up(wanted, kHugePage));
    region_ = map_zeros(size_, "weights");
    used_ = 0;
  }
  std::shared_ptr<std::byte> data(region_, region_.get() + used_);
  used_ += wanted;
  return std::make_shared<PackedWeight>(shape, std::move(data));
}

mx::array packed_matmul(const mx::array& x, const PackedWeightPtr& w, const Rounding& rounding) {
  require(x.ndim() > 0 && x.shape(-1) == w->matrix().columns, "packed_matmul", "the input's width is not the weight's");
  mx::Shape shape = x.shape();
  shape.back() = static_cast<int>(w->matrix().rows);
  const auto prepare = [w, rounding](const std::vector<mx::array>& inputs, mx::array& out) {
    return [x = Elements<float>(inputs[0]), w, rounding, y = out.data<float>(),
            m = static_cast<int64_t>(inputs[0].size()) / inputs[0].shape(-1)] {
      kernels::packed_matmul(w->matrix(), x.get(), m, rounding, y);
    };
  };
  const Gradient gradient = [w](const mx::array& dy) { return packed_matmul_transposed(dy, w); };
  return apply("PackedMatmul", std::move(shape), as_float32(x), prepare, gradient);
}

mx::array packed_matmul_transposed(const mx::array& dy, const PackedWeightPtr& w) {
  require(dy.ndim() > 0 && dy.shape(-1) == w->matrix().rows, "packed_matmul_transposed",
          "the input's width is not the weight's height");
  mx::Shape shape = dy.shape();
  shape.back() = static_cast<int>(w->matrix().columns);
  const auto prepare = [w](const std::vector<mx::array>& inputs, mx::array& out) {
    return [dy = Elements<float>(inputs[0]), w, dx = out.data<float>(),
            m = static_cast<int64_t>(inputs[0].size()) / inputs[0].shape(-1)] {
      kernels::packed_matmul_transposed(w->matrix(), dy.get(), m, dx);
    };
  };
  const Gradient gradient = [w](const mx::array& dx) { return packed_matmul(dx, w, kTwoBytes); };
  return apply("PackedMatmulTransposed", std::move(shape), as_float32(dy), prepare, gradient);
}

mx::array packed_embedding(const mx::array& ids, const PackedWeightPtr& w) {
  mx::Shape shape = ids.shape();
  shape.push_back(static_cast<int>(w->matrix().columns));
  const auto prepare = [w](const std::vector<mx::array>& inputs, mx::array& out) {
    return
        [ids = Elements<int32_t>(inputs[0]), w, y = out.data<float>(), count = static_cast<int64_t>(inputs[0].size())] {
          kernels::dequantize_packed_rows(w->matrix(), ids.get(), count, y);
        };
  };
  const auto stock = [](const std::vector<mx::array>& inputs) { return mx::zeros_like(inputs[0]); };
  return apply("PackedEmbedding", std::move(shape), {mx::astype(ids, mx::int32)}, prepare, stock);
}

}  // namespace burin::ops
