#include <algorithm>

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
    default:
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

void dequantize_row(const QuantizedMatrix& w, int64_t row, float* out) {
  for (int64_t i = 0; i < w.columns; ++i) {
    const int64_t at = row * w.groups() + i / w.group_size;
    out[i] = scale_at(w.scales, w.scale_type, at) * static_cast<float>(code_at(w.row(row), i, w.bits)) +
             scale_at(w.biases, w.scale_type, at);
  }
}

}  // namespace

const QMatmulTable& qmatmul_scalar() {
  static constexpr QMatmulTable kTable{prepare_exact, exact_rows, dequantize_row, nullptr};
  return kTable;
}

}  // namespace burin::kernels
