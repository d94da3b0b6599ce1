#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "kernels/half.h"
#include "kernels/qmatmul_table.h"

namespace burin::kernels {
namespace {

float scale_at(const void* values, ScaleType type, int64_t i) {
  switch (type) {
    case ScaleType::F16:
      return float16_to_float(static_cast<const uint16_t*>(values)[i]);
    case ScaleType::BF16:
      return bfloat16_to_float(static_cast<const uint16_t*>(values)[i]);
    case ScaleType::F32:
      break;
  }
  return static_cast<const float*>(values)[i];
}

uint32_t code_at(const uint8_t* row, int64_t i, int bits) {
  const int64_t first = i * bits;
  uint32_t word = row[first / 8];
  if (first % 8 + bits > 8) {
    word |= static_cast<uint32_t>(row[first / 8 + 1]) << 8;
  }
  return (word >> (first % 8)) & ((1U << bits) - 1);
}

void prepare_exact(const QuantizedMatrix& w, const float* x, float* planes, float* sums) {
  std::copy_n(x, w.columns, planes);
  for (int64_t g = 0; g < w.groups(); ++g) {
    float sum = 0;
    for (int64_t i = g * w.group_size; i < (g + 1) * w.group_size; ++i) {
      sum += x[i];
    }
    sums[g] = sum;
  }
}

/** Returns the scale; codes lie in [-127, 127]. A NaN wins the integer maximum, so the scale carries it on. */
float quantize_group(const float* x, int count, int8_t* codes) {
  uint32_t largest = 0;
  for (int i = 0; i < count; ++i) {
    largest = std::max(largest, std::bit_cast<uint32_t>(x[i]) & 0x7fffffffU);
  }
  const float amax = std::bit_cast<float>(largest);
  const bool usable = amax >= 1e-30F && std::isfinite(amax);
  const float inverse = usable ? 127.0F / amax : 0.0F;
  for (int i = 0; i < count; ++i) {
    codes[i] = usable ? static_cast<int8_t>(std::lrint(x[i] * inverse)) : int8_t{0};
  }
  if (usable) {
    return amax / 127.0F;
  }
  return amax < 1e-30F ? 0.0F : std::bit_cast<float>(0x7fc00000U);
}

void prepare_fast(const QuantizedMatrix& w, const float* x, int8_t* codes, float* scales, float* sums,
                  float* /*lanes*/) {
  const int group = activation_group(w);
  const int parts = w.group_size / group;
  for (int64_t g = 0; g < w.columns / group; ++g) {
    scales[g] = quantize_group(x + g * group, group, codes + g * group);
    int sum = 0;
    for (int i = 0; i < group; ++i) {
      sum += codes[g * group + i];
    }
    sums[g / parts] = (g % parts == 0 ? 0.0F : sums[g / parts]) + scales[g] * static_cast<float>(sum);
  }
}

void exact_rows(const QuantizedMatrix& w, const ExactInput& x, int64_t begin, int64_t end, float* /*scratch*/,
                float* y) {
  for (int64_t r = begin; r < end; ++r) {
    for (int64_t m = 0; m < x.m; ++m) {
      float total = 0;
      for (int64_t g = 0; g < w.groups(); ++g) {
        float dot = 0;
        for (int64_t i = g * w.group_size; i < (g + 1) * w.group_size; ++i) {
          dot += static_cast<float>(code_at(w.row(r), i, w.bits)) * x.planes[m * x.planes_stride + i];
        }
        const int64_t at = r * w.groups() + g;
        total += scale_at(w.scales, w.scale_type, at) * dot +
                 scale_at(w.biases, w.scale_type, at) * x.sums[m * x.sums_stride + g];
      }
      y[m * w.rows + r] = total;
    }
  }
}

float fast_dot(const QuantizedMatrix& w, const FastInput& x, int64_t r, int64_t m) {
  const int group = activation_group(w);
  const int8_t* codes = x.codes + m * x.codes_stride;
  float total = 0;
  for (int64_t a = 0; a < w.columns / group; ++a) {
    int dot = 0;
    for (int64_t i = a * group; i < (a + 1) * group; ++i) {
      dot += static_cast<int>(code_at(w.row(r), i, w.bits)) * codes[i];
    }
    const float scale = scale_at(w.scales, w.scale_type, r * w.groups() + a * group / w.group_size);
    total += scale * x.scales[m * x.scales_stride + a] * static_cast<float>(dot);
  }
  for (int64_t g = 0; g < w.groups(); ++g) {
    total += scale_at(w.biases, w.scale_type, r * w.groups() + g) * x.sums[m * x.sums_stride + g];
  }
  return total;
}

void fast_rows(const QuantizedMatrix& w, const FastInput& x, int64_t begin, int64_t end, float* /*scratch*/, float* y) {
  for (int64_t r = begin; r < end; ++r) {
    for (int64_t m = 0; m < x.m; ++m) {
      y[m * w.rows + r] = fast_dot(w, x, r, m);
    }
  }
}

void dequantize_row(const QuantizedMatrix& w, int64_t row, float* out) {
  for (int64_t i = 0; i < w.columns; ++i) {
    const int64_t at = row * w.groups() + i / w.group_size;
    out[i] = scale_at(w.scales, w.scale_type, at) * static_cast<float>(code_at(w.row(row), i, w.bits)) +
             scale_at(w.biases, w.scale_type, at);
  }
}

}  // namespace

const QMatmulTable& qmatmul_scalar() {
  static constexpr QMatmulTable kTable{prepare_exact, prepare_fast, exact_rows, fast_rows, dequantize_row, nullptr};
  return kTable;
}

}  // namespace burin::kernels
