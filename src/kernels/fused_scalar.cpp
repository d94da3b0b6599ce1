#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/fused_table.h"

namespace burin::kernels {
namespace {

void rms_norm_row(const float* x, const float* weight, int64_t count, float eps, float* out) {
  float sum = 0;
  for (int64_t i = 0; i < count; ++i) {
    sum += x[i] * x[i];
  }
  const float scale = 1.0F / std::sqrt(sum / static_cast<float>(count) + eps);
  for (int64_t i = 0; i < count; ++i) {
    out[i] = x[i] * scale * (weight != nullptr ? weight[i] : 1.0F);
  }
}

void layer_norm_row(const float* x, const float* weight, const float* bias, int64_t count, float eps, float* out) {
  float sum = 0;
  for (int64_t i = 0; i < count; ++i) {
    sum += x[i];
  }
  const float mean = sum / static_cast<float>(count);
  float squares = 0;
  for (int64_t i = 0; i < count; ++i) {
    squares += (x[i] - mean) * (x[i] - mean);
  }
  const float scale = 1.0F / std::sqrt(squares / static_cast<float>(count) + eps);
  for (int64_t i = 0; i < count; ++i) {
    out[i] = (x[i] - mean) * scale * (weight != nullptr ? weight[i] : 1.0F) + (bias != nullptr ? bias[i] : 0.0F);
  }
}

float factor(const float* up, int64_t i) {
  return up != nullptr ? up[i] : 1.0F;
}

void swiglu_range(const float* gate, const float* up, int64_t count, float* out) {
  for (int64_t i = 0; i < count; ++i) {
    out[i] = gate[i] / (1.0F + std::exp(-gate[i])) * factor(up, i);
  }
}

void gelu_tanh_range(const float* gate, const float* up, int64_t count, float* out) {
  constexpr float kRoot = 0.7978845608028654F;  // sqrt(2 / pi)
  for (int64_t i = 0; i < count; ++i) {
    const float g = gate[i];
    out[i] = 0.5F * g * (1.0F + std::tanh(kRoot * (g + 0.044715F * g * g * g))) * factor(up, i);
  }
}

/** x (1 + erf(x / sqrt 2)) / 2 without a difference of near numbers; beyond 100 the small part is zero. */
void gelu_range(const float* gate, const float* up, int64_t count, float* out) {
  constexpr float kHalfRoot = 0.70710678118654752F;
  for (int64_t i = 0; i < count; ++i) {
    const float size = std::abs(gate[i]);
    const float small = std::min(size, 100.0F) * 0.5F * std::erfc(kHalfRoot * size);
    out[i] = (std::max(gate[i], 0.0F) - small) * factor(up, i);
  }
}

void rotate_halves(const float* x, const float* cosines, const float* sines, int64_t half, float* out) {
  for (int64_t i = 0; i < half; ++i) {
    const float a = x[i];
    const float b = x[half + i];
    out[i] = a * cosines[i] - b * sines[i];
    out[half + i] = a * sines[i] + b * cosines[i];
  }
}

void dot_keys(const float* const* q, int64_t rows, const FloatRows& keys, float scale, float* scores, int64_t ld) {
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t j = 0; j < keys.count; ++j) {
      float sum = 0;
      for (int64_t i = 0; i < keys.width; ++i) {
        sum += q[r][i] * keys.at[j * keys.stride + i];
      }
      scores[r * ld + j] = scale * sum;
    }
  }
}

void add_values(const float* p, int64_t ld, int64_t rows, const FloatRows& values, float* acc) {
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t j = 0; j < values.count; ++j) {
      for (int64_t i = 0; i < values.width; ++i) {
        acc[r * values.width + i] += p[r * ld + j] * values.at[j * values.stride + i];
      }
    }
  }
}

float largest(const float* x, int64_t count) {
  float top = -std::numeric_limits<float>::infinity();
  for (int64_t i = 0; i < count; ++i) {
    top = std::max(top, x[i]);
  }
  return top;
}

float exponentials(float* x, int64_t count, float top) {
  float sum = 0;
  for (int64_t i = 0; i < count; ++i) {
    x[i] = std::exp(x[i] - top);
    sum += x[i];
  }
  return sum;
}

void multiply(float* x, int64_t count, float by) {
  for (int64_t i = 0; i < count; ++i) {
    x[i] *= by;
  }
}

void softcap(float* x, int64_t count, float cap) {
  for (int64_t i = 0; i < count; ++i) {
    x[i] = cap * std::tanh(x[i] / cap);
  }
}

}  // namespace

const FusedTable& fused_scalar() {
  static constexpr FusedTable kTable{.rms_norm_row = rms_norm_row,
                                     .layer_norm_row = layer_norm_row,
                                     .swiglu = swiglu_range,
                                     .gelu_tanh_mul = gelu_tanh_range,
                                     .gelu_mul = gelu_range,
                                     .rotate_halves = rotate_halves,
                                     .dot_keys = dot_keys,
                                     .add_values = add_values,
                                     .largest = largest,
                                     .exponentials = exponentials,
                                     .multiply = multiply,
                                     .softcap = softcap};
  return kTable;
}

}  // namespace burin::kernels
