#include "ops/fused.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <list>
#include <numbers>

#include "kernels/fused.h"
#include "ops/cpu_primitive.h"

namespace burin::ops {
namespace {

mx::array stock_swiglu(const mx::array& gate, const mx::array& up) {
  return mx::multiply(mx::multiply(gate, mx::sigmoid(gate)), up);
}

mx::array stock_gelu_tanh_mul(const mx::array& gate, const mx::array& up) {
  const auto scalar = [&](double value) { return scalar_like(value, gate); };
  const mx::array cube = mx::multiply(scalar(0.044715), mx::power(gate, scalar(3.0)));
  const mx::array inner = mx::multiply(scalar(std::sqrt(2.0 / std::numbers::pi)), mx::add(gate, cube));
  const mx::array gelu = mx::multiply(mx::multiply(scalar(0.5), gate), mx::add(scalar(1.0), mx::tanh(inner)));
  return mx::multiply(gelu, up);
}

using Gated = void (*)(const float*, const float*, int64_t, float*);

mx::array gated(const char* name, const mx::array& gate, const mx::array& up, Gated kernel,
                mx::array (*stock)(const mx::array&, const mx::array&)) {
  if (!on_cpu()) {
    return stock(gate, up);
  }
  require(gate.shape() == up.shape(), name, "gate and up differ in shape");
  const auto prepare = [kernel](const std::vector<mx::array>& inputs, mx::array& out) {
    return [gate = Elements<float>(inputs[0]), up = Elements<float>(inputs[1]), to = out.data<float>(),
            count = static_cast<int64_t>(out.size()), kernel] { kernel(gate.get(), up.get(), count, to); };
  };
  return apply(name, gate.shape(), {as_float32(gate), as_float32(up)}, prepare,
               [stock](const std::vector<mx::array>& inputs) { return stock(inputs[0], inputs[1]); });
}

/** Radians per position of each rotated pair, as MLX computes them. Threads: the model's own; arrays belong to it. */
mx::array frequencies(int dims, float base) {
  struct Entry {
    int dims;
    float base;
    mx::array values;
  };
  constexpr size_t kKept = 8;
  thread_local std::list<Entry> entries;
  for (const Entry& entry : entries) {
    if (entry.dims == dims && entry.base == base) {
      return entry.values;
    }
  }
  const int half = dims / 2;
  const mx::array exponents = mx::arange(0.0, -half, -1.0, mx::float32);
  const float step = std::log(base) / static_cast<float>(half);
  mx::array values = mx::exp(mx::multiply(exponents, mx::array(step, mx::float32)));
  values.eval();
  entries.push_front({dims, base, values});
  if (entries.size() > kKept) {
    entries.pop_back();
  }
  return values;
}

/** Cosines and sines of the last few calls: every layer asks for the same ones. Lives on the stream's thread. */
class Rotations {
 public:
  struct Key {
    std::vector<float> frequencies;
    float scale;
    int offset;
    int64_t length;
    bool operator==(const Key&) const = default;
  };
  struct Table {
    Key key;
    std::vector<float> cosines, sines;  // (length, dims / 2)
  };

  static const Table& get(Key key) {
    constexpr size_t kKept = 4;
    thread_local std::list<Table> tables;
    const auto found = std::find_if(tables.begin(), tables.end(), [&](const Table& t) { return t.key == key; });
    if (found != tables.end()) {
      tables.splice(tables.begin(), tables, found);
    } else {
      tables.push_front(make(std::move(key)));
      if (tables.size() > kKept) {
        tables.pop_back();
      }
    }
    return tables.front();
  }

 private:
  static Table make(Key key) {
    Table table;
    for (int64_t l = 0; l < key.length; ++l) {
      const float position = (static_cast<float>(key.offset) + static_cast<float>(l)) * key.scale;
      for (const float frequency : key.frequencies) {
        table.cosines.push_back(std::cos(position * frequency));
        table.sines.push_back(std::sin(position * frequency));
      }
    }
    table.key = std::move(key);
    return table;
  }
};

kernels::RopeShape rope_shape(const mx::array& x, int dims, bool traditional) {
  return {.batch = x.shape(0),
          .heads = x.shape(1),
          .length = x.shape(2),
          .head_dim = x.shape(3),
          .batch_stride = x.strides(0),
          .head_stride = x.strides(1),
          .length_stride = x.strides(2),
          .dims = dims,
          .traditional = traditional};
}

}  // namespace

mx::array swiglu(const mx::array& gate, const mx::array& up) {
  return gated("swiglu", gate, up, kernels::swiglu, stock_swiglu);
}

mx::array gelu_tanh_mul(const mx::array& gate, const mx::array& up) {
  return gated("gelu_tanh_mul", gate, up, kernels::gelu_tanh_mul, stock_gelu_tanh_mul);
}

mx::array rms_norm(const mx::array& x, const std::optional<mx::array>& weight, float eps) {
  if (!on_cpu()) {
    return mx::fast::rms_norm(x, weight, eps);
  }
  require(x.ndim() > 0 && (!weight || (weight->ndim() == 1 && weight->shape(0) == x.shape(-1))), "rms_norm",
          "the weight does not fit the input's last axis");
  const auto prepare = [eps](const std::vector<mx::array>& inputs, mx::array& out) {
    const int64_t columns = out.shape(-1);
    const int64_t rows = columns == 0 ? 0 : static_cast<int64_t>(out.size()) / columns;
    std::optional<Elements<float>> scale;
    if (inputs.size() > 1) {
      scale.emplace(inputs[1]);
    }
    return [x = Elements<float>(inputs[0]), scale, to = out.data<float>(), rows, columns, eps] {
      kernels::rms_norm(x.get(), scale ? scale->get() : nullptr, rows, columns, eps, to);
    };
  };
  const auto stock = [eps](const std::vector<mx::array>& inputs) {
    return mx::fast::rms_norm(inputs[0], inputs.size() > 1 ? std::optional(inputs[1]) : std::nullopt, eps);
  };
  std::vector<mx::array> inputs{as_float32(x)};
  if (weight) {
    inputs.push_back(as_float32(*weight));
  }
  return apply("rms_norm", x.shape(), std::move(inputs), prepare, stock);
}

mx::array rope(const mx::array& x, int dims, bool traditional, std::optional<float> base, float scale, int offset,
               const std::optional<mx::array>& freqs) {
  const bool kernel_fits = x.ndim() == 4 && dims >= 2 && dims % 2 == 0 && dims <= x.shape(-1) && (freqs || base);
  if (!on_cpu() || !kernel_fits) {
    return mx::fast::rope(x, dims, traditional, base, scale, offset, freqs);
  }
  require(!freqs || (freqs->ndim() == 1 && freqs->shape(0) == dims / 2), "rope", "one period for each pair");
  const auto prepare = [=](const std::vector<mx::array>& inputs, mx::array& out) {
    const bool dense = inputs[0].strides(3) == 1;
    const kernels::RopeShape shape = rope_shape(dense ? inputs[0] : out, dims, traditional);
    return [x = Elements<float>(inputs[0]), from = dense ? inputs[0].data<float>() : nullptr,
            speeds = Elements<float>(inputs[1]), to = out.data<float>(), shape, inverse = freqs.has_value(), scale,
            offset] {
      std::vector<float> frequencies(speeds.get(), speeds.get() + shape.dims / 2);
      for (float& value : frequencies) {
        value = inverse ? 1.0F / value : value;
      }
      const Rotations::Table& table = Rotations::get({std::move(frequencies), scale, offset, shape.length});
      kernels::rope(shape, from != nullptr ? from : x.get(), table.cosines.data(), table.sines.data(), to);
    };
  };
  const auto stock = [=](const std::vector<mx::array>& inputs) {
    return mx::fast::rope(inputs[0], dims, traditional, base, scale, offset, freqs);
  };
  return apply("rope", x.shape(), {as_float32(x), freqs ? as_float32(*freqs) : frequencies(dims, *base)}, prepare,
               stock);
}

}  // namespace burin::ops
