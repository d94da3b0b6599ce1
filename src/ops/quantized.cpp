#include "ops/quantized.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "kernels/float_codes.h"
#include "kernels/qmatmul.h"
#include "ops/cpu_primitive.h"

namespace burin::ops {
namespace {

/** The matrix behind codes and scales of a float mode, readable on the stream's thread. */
class FloatCodeInput {
 public:
  FloatCodeInput(const std::vector<mx::array>& inputs, QuantizationMode mode, int group_size)
      : codes_(inputs[1]), scales_(inputs[2]) {
    matrix_ = {.code = mode == QuantizationMode::Mxfp8 ? kernels::FloatCode::E4M3 : kernels::FloatCode::E2M1,
               .scale = *scale_type(mx::uint8, mode),
               .rows = inputs[2].shape(0),
               .columns = int64_t{inputs[2].shape(1)} * group_size,
               .group_size = group_size};
  }

  kernels::FloatCodeMatrix get() const {
    kernels::FloatCodeMatrix matrix = matrix_;
    matrix.codes = reinterpret_cast<const uint8_t*>(codes_.get());
    matrix.scales = scales_.get();
    return matrix;
  }

 private:
  kernels::FloatCodeMatrix matrix_;
  Elements<uint32_t> codes_;
  Elements<uint8_t> scales_;
};

bool has_kernel(const QuantizedWeight& w) {
  const bool bits = w.bits >= 2 && w.bits <= 8 && w.bits != 7;
  const bool group = w.group_size == 32 || w.group_size == 64 || w.group_size == 128;
  return bits && group && scale_type(w.scales.dtype());
}

int64_t columns_of(const QuantizedWeight& w) {
  return int64_t{w.scales.shape(-1)} * w.group_size;
}

void check_float_codes(const QuantizedWeight& w, std::string_view where) {
  require(w.weight.dtype() == mx::uint32 && w.weight.ndim() == 2, where, "codes must be a uint32 matrix");
  require(w.scales.dtype() == mx::uint8 && w.scales.ndim() == 2, where, "scales must be a uint8 matrix");
  const bool fits = w.group_size == (w.mode == QuantizationMode::Nvfp4 ? 16 : 32) &&
                    w.bits == (w.mode == QuantizationMode::Mxfp8 ? 8 : 4) && w.scales.shape(0) == w.weight.shape(0) &&
                    columns_of(w) * w.bits == int64_t{w.weight.shape(1)} * 32;
  require(fits, where, "scales do not fit the codes");
}

void check(const QuantizedWeight& w, std::string_view where) {
  if (w.mode != QuantizationMode::Affine) {
    return check_float_codes(w, where);
  }
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

/** The matrix behind codes, scales and biases of a primitive's inputs, readable on the stream's thread. */
class MatrixInput {
 public:
  MatrixInput(const std::vector<mx::array>& inputs, int group_size, int bits) : codes_(inputs[1]) {
    const mx::array& scales = inputs[2];
    matrix_.scale_type = *scale_type(scales.dtype());
    matrix_.rows = scales.shape(0);
    matrix_.columns = int64_t{scales.shape(1)} * group_size;
    matrix_.group_size = group_size;
    matrix_.bits = bits;
    if (matrix_.scale_type == kernels::ScaleType::F32) {
      floats_ = {Elements<float>(scales), Elements<float>(inputs[3])};
    } else {
      halves_ = {Elements<uint16_t>(scales), Elements<uint16_t>(inputs[3])};
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
  const auto factors = [&](const mx::array& table) { return on_cpu() ? as_float32(rows(table)) : rows(table); };
  return mx::dequantize(rows(w.weight), factors(w.scales), factors(*w.biases), w.group_size, w.bits);
}

mx::array dequantize_all(const QuantizedWeight& w) {
  return quantized_embedding(mx::arange(0, w.weight.shape(0), 1, mx::int32), w);
}

/** `w` without its arrays, and with those of a primitive's inputs, of which it is not the first. */
struct Form {
  int group_size;
  int bits;
  QuantizationMode mode;

  explicit Form(const QuantizedWeight& w) : group_size(w.group_size), bits(w.bits), mode(w.mode) {}

  QuantizedWeight weight(const std::vector<mx::array>& inputs) const {
    return {.weight = inputs[1],
            .scales = inputs[2],
            .biases = mode == QuantizationMode::Affine ? std::optional(inputs[3]) : std::nullopt,
            .group_size = group_size,
            .bits = bits,
            .mode = mode};
  }
};

std::vector<mx::array> inputs_of(const mx::array& first, const QuantizedWeight& w) {
  std::vector<mx::array> inputs{first, w.weight, w.scales};
  if (w.biases) {
    inputs.push_back(*w.biases);
  }
  return inputs;
}

}  // namespace

std::optional<kernels::ScaleType> scale_type(mx::Dtype dtype) {
  if (dtype == mx::float16) {
    return kernels::ScaleType::F16;
  }
  if (dtype == mx::bfloat16) {
    return kernels::ScaleType::BF16;
  }
  return dtype == mx::float32 ? std::optional(kernels::ScaleType::F32) : std::nullopt;
}

std::optional<kernels::ScaleType> scale_type(mx::Dtype dtype, QuantizationMode mode) {
  if (mode == QuantizationMode::Affine) {
    return scale_type(dtype);
  }
  const bool powers = mode != QuantizationMode::Nvfp4;
  return dtype == mx::uint8 ? std::optional(powers ? kernels::ScaleType::E8M0 : kernels::ScaleType::E4M3)
                            : std::nullopt;
}

mx::array quantized_matmul(const mx::array& x, const QuantizedWeight& w) {
  if (!on_cpu()) {
    return stock_matmul(x, w);
  }
  check(w, "quantized_matmul");
  require(x.ndim() > 0 && x.shape(-1) == columns_of(w), "quantized_matmul", "the input's width is not the weight's");
  mx::Shape shape = x.shape();
  shape.back() = w.weight.shape(0);
  const auto prepare = [form = Form(w)](const std::vector<mx::array>& inputs, mx::array& out) -> std::function<void()> {
    const int64_t m = static_cast<int64_t>(inputs[0].size()) / inputs[0].shape(-1);
    float* const y = out.data<float>();
    if (form.mode == QuantizationMode::Affine) {
      return [x = Elements<float>(inputs[0]), w = MatrixInput(inputs, form.group_size, form.bits), y, m] {
        kernels::quantized_matmul_exact(w.get(), x.get(), m, y);
      };
    }
    return [x = Elements<float>(inputs[0]), w = FloatCodeInput(inputs, form.mode, form.group_size), y, m] {
      kernels::float_code_matmul(w.get(), x.get(), m, y);
    };
  };
  const auto stock = [form = Form(w)](const std::vector<mx::array>& inputs) {
    return mx::matmul(inputs[0], mx::transpose(dequantize_all(form.weight(inputs))));
  };
  return apply("QuantizedMatmul", std::move(shape), inputs_of(as_float32(x), w), prepare, stock);
}

mx::array quantized_embedding(const mx::array& ids, const QuantizedWeight& w) {
  if (!on_cpu()) {
    return stock_rows(ids, w);
  }
  check(w, "quantized_embedding");
  mx::Shape shape = ids.shape();
  shape.push_back(static_cast<int>(columns_of(w)));
  const auto prepare = [form = Form(w)](const std::vector<mx::array>& inputs, mx::array& out) -> std::function<void()> {
    const auto count = static_cast<int64_t>(inputs[0].size());
    float* const y = out.data<float>();
    if (form.mode == QuantizationMode::Affine) {
      return [ids = Elements<int32_t>(inputs[0]), w = MatrixInput(inputs, form.group_size, form.bits), y, count] {
        kernels::dequantize_rows(w.get(), ids.get(), count, y);
      };
    }
    return [ids = Elements<int32_t>(inputs[0]), w = FloatCodeInput(inputs, form.mode, form.group_size), y, count] {
      kernels::dequantize_float_rows(w.get(), ids.get(), count, y);
    };
  };
  const auto stock = [form = Form(w)](const std::vector<mx::array>& inputs) {
    return stock_rows(inputs[0], form.weight(inputs));
  };
  return apply("QuantizedEmbedding", std::move(shape), inputs_of(mx::astype(ids, mx::int32), w), prepare, stock);
}

}  // namespace burin::ops
