#include "ops/quantized.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "kernels/qmatmul.h"
#include "ops/cpu_primitive.h"

namespace burin::ops {
namespace {

kernels::ScaleType scale_type(mx::Dtype dtype) {
  if (dtype == mx::float16) {
    return kernels::ScaleType::F16;
  }
  return dtype == mx::bfloat16 ? kernels::ScaleType::BF16 : kernels::ScaleType::F32;
}

bool has_kernel(const QuantizedWeight& w) {
  const bool bits = w.bits >= 2 && w.bits <= 8 && w.bits != 7;
  const bool group = w.group_size == 32 || w.group_size == 64 || w.group_size == 128;
  const mx::Dtype type = w.scales.dtype();
  return bits && group && (type == mx::float32 || type == mx::float16 || type == mx::bfloat16);
}

int64_t columns_of(const QuantizedWeight& w) {
  return int64_t{w.scales.shape(-1)} * w.group_size;
}

void check(const QuantizedWeight& w, std::string_view where) {
  require(has_kernel(w), where,
          "weights of " + std::to_string(w.bits) + " bits in groups of " + std::to_string(w.group_size) +
              " have no kernel on the CPU");
  require(w.weight.dtype() == mx::uint32 && w.weight.ndim() == 2 && w.scales.ndim() == 2, where,
          "quantized weights are a uint32 matrix with a matrix of scales");
  require(w.biases && w.scales.shape() == w.biases->shape() && w.scales.dtype() == w.biases->dtype(), where,
          "scales and biases differ in shape or type");
  require(w.scales.shape(0) == w.weight.shape(0) && columns_of(w) * w.bits == int64_t{w.weight.shape(1)} * 32, where,
          "scales do not fit the codes");
}

/** The matrix behind inputs[first] (codes, scales, biases), readable on the stream's thread. */
class MatrixInput {
 public:
  MatrixInput(const std::vector<mx::array>& inputs, size_t first, int group_size, int bits) : codes_(inputs[first]) {
    const mx::array& scales = inputs[first + 1];
    matrix_.scale_type = scale_type(scales.dtype());
    matrix_.rows = scales.shape(0);
    matrix_.columns = int64_t{scales.shape(1)} * group_size;
    matrix_.group_size = group_size;
    matrix_.bits = bits;
    if (matrix_.scale_type == kernels::ScaleType::F32) {
      floats_ = {Elements<float>(scales), Elements<float>(inputs[first + 2])};
    } else {
      halves_ = {Elements<uint16_t>(scales), Elements<uint16_t>(inputs[first + 2])};
    }
  }

  kernels::QuantizedMatrix get() const {
    kernels::QuantizedMatrix matrix = matrix_;
    matrix.codes = codes_.get();
    matrix.scales = floats_.empty() ? static_cast<const void*>(halves_[0].get()) : floats_[0].get();
    matrix.biases = floats_.empty() ? static_cast<const void*>(halves_[1].get()) : floats_[1].get();
    return matrix;
  }

 private:
  kernels::QuantizedMatrix matrix_;
  Elements<uint32_t> codes_;
  std::vector<Elements<float>> floats_;
  std::vector<Elements<uint16_t>> halves_;
};

/** Affine factors in the input's type, as MLX wants them; the scales of other modes are codes themselves. */
mx::array stock_matmul(const mx::array& x, const QuantizedWeight& w) {
  if (w.mode != QuantizationMode::Affine) {
    return mx::quantized_matmul(x, w.weight, w.scales, std::nullopt, true, w.group_size, w.bits,
                                std::string(name(w.mode)));
  }
  const mx::array scales = mx::astype(w.scales, x.dtype());
  const mx::array biases = mx::astype(*w.biases, x.dtype());
  return mx::quantized_matmul(x, w.weight, scales, biases, true, w.group_size, w.bits);
}

mx::array stock_rows(const mx::array& ids, const QuantizedWeight& w) {
  const auto rows = [&](const mx::array& table) { return mx::take(table, ids, 0); };
  if (w.mode != QuantizationMode::Affine) {
    return mx::dequantize(rows(w.weight), rows(w.scales), std::nullopt, w.group_size, w.bits, std::string(name(w.mode)),
                          std::nullopt, on_cpu() ? mx::float32 : mx::bfloat16);
  }
  return mx::dequantize(rows(w.weight), rows(w.scales), rows(*w.biases), w.group_size, w.bits);
}

mx::array dequantize_all(const QuantizedWeight& w) {
  return quantized_embedding(mx::arange(0, w.weight.shape(0), 1, mx::int32), w);
}

}  // namespace

mx::array quantized_matmul(const mx::array& x, const QuantizedWeight& w) {
  if (w.mode != QuantizationMode::Affine || !on_cpu()) {
    return stock_matmul(on_cpu() ? as_float32(x) : x, w);
  }
  check(w, "quantized_matmul");
  require(x.ndim() > 0 && x.shape(-1) == columns_of(w), "quantized_matmul", "the input's width is not the weight's");
  mx::Shape shape = x.shape();
  shape.back() = w.weight.shape(0);
  const auto prepare = [group_size = w.group_size, bits = w.bits](const std::vector<mx::array>& inputs,
                                                                  mx::array& out) {
    return [x = Elements<float>(inputs[0]), w = MatrixInput(inputs, 1, group_size, bits), y = out.data<float>(),
            m = static_cast<int64_t>(inputs[0].size()) / inputs[0].shape(-1)] {
      kernels::quantized_matmul_exact(w.get(), x.get(), m, y);
    };
  };
  const auto stock = [group_size = w.group_size, bits = w.bits](const std::vector<mx::array>& inputs) {
    return mx::matmul(inputs[0], mx::transpose(dequantize_all({inputs[1], inputs[2], inputs[3], group_size, bits})));
  };
  return apply("QuantizedMatmul", std::move(shape), {as_float32(x), w.weight, w.scales, *w.biases}, prepare, stock);
}

mx::array quantized_embedding(const mx::array& ids, const QuantizedWeight& w) {
  if (w.mode != QuantizationMode::Affine || !on_cpu()) {
    return stock_rows(ids, w);
  }
  check(w, "quantized_embedding");
  mx::Shape shape = ids.shape();
  shape.push_back(static_cast<int>(columns_of(w)));
  const auto prepare = [group_size = w.group_size, bits = w.bits](const std::vector<mx::array>& inputs,
                                                                  mx::array& out) {
    return [ids = Elements<int32_t>(inputs[0]), w = MatrixInput(inputs, 1, group_size, bits), y = out.data<float>(),
            count = static_cast<int64_t>(inputs[0].size())] { kernels::dequantize_rows(w.get(), ids.get(), count, y); };
  };
  const auto stock = [group_size = w.group_size, bits = w.bits](const std::vector<mx::array>& inputs) {
    return stock_rows(inputs[0], {inputs[1], as_float32(inputs[2]), as_float32(inputs[3]), group_size, bits});
  };
  return apply("QuantizedEmbedding", std::move(shape), {mx::astype(ids, mx::int32), w.weight, w.scales, *w.biases},
               prepare, stock);
}

}  // namespace burin::ops
