#include <algorithm>

#include "kernels/dense.h"
#include "ops/cpu_primitive.h"
#include "ops/fused.h"

namespace burin::ops {
namespace {

/** Elements of a float array behind a primitive's input, readable on the stream's thread. */
std::function<kernels::DenseMatrix()> dense_input(const mx::array& a) {
  const kernels::DenseMatrix shape{nullptr, *scale_type(a.dtype()), a.shape(0), a.shape(1)};
  const auto with = [shape](const void* data) {
    kernels::DenseMatrix w = shape;
    w.data = data;
    return w;
  };
  if (a.dtype() == mx::float32) {
    return [from = Elements<float>(a), with] { return with(from.get()); };
  }
  return [from = Elements<uint16_t>(a), with] { return with(from.get()); };
}

/** x @ weight^T in float32, whatever float type the weight has. */
mx::array dense_matmul(const mx::array& x, const mx::array& weight) {
  require(weight.ndim() == 2 && scale_type(weight.dtype()).has_value(), "linear",
          "a weight is a matrix of float32, float16 or bfloat16");
  require(x.ndim() > 0 && x.shape(-1) == weight.shape(1), "linear", "the input's width is not the weight's");
  mx::Shape shape = x.shape();
  shape.back() = weight.shape(0);
  const auto prepare = [](const std::vector<mx::array>& inputs, mx::array& out) {
    return [x = Elements<float>(inputs[0]), w = dense_input(inputs[1]), y = out.data<float>(),
            m = static_cast<int64_t>(out.size()) / std::max(1, out.shape(-1))] {
      kernels::dense_matmul(w(), x.get(), m, y);
    };
  };
  const auto stock = [](const std::vector<mx::array>& inputs) {
    return mx::matmul(inputs[0], mx::transpose(as_float32(inputs[1])));
  };
  return apply("DenseMatmul", std::move(shape), {as_float32(x), weight}, prepare, stock);
}

}  // namespace

mx::array linear(const mx::array& x, const mx::array& weight, const std::optional<mx::array>& bias) {
  const mx::array y = on_cpu() ? dense_matmul(x, weight) : mx::matmul(x, mx::transpose(weight));
  return bias ? mx::add(y, *bias) : y;
}

mx::array embedding(const mx::array& ids, const mx::array& table) {
  const mx::array rows = mx::take(table, ids, 0);
  return on_cpu() ? as_float32(rows) : rows;
}

}  // namespace burin::ops
