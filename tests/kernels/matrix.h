// A random quantized matrix with its dequantized values, built code by code.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <random>
#include <vector>

#include "kernels/float_codes.h"
#include "kernels/half.h"
#include "kernels/qmatmul.h"

namespace burin::kernels {

/** Scales of one byte: codes are E2M1, and there are no biases. */
struct MatrixCase {
  int64_t rows;
  int64_t columns;
  int bits;
  int group_size;
  ScaleType scale_type = ScaleType::F32;
};

inline std::vector<float> normal_values(std::mt19937& random, int64_t count) {
  std::normal_distribution<float> normal;
  std::vector<float> values(static_cast<size_t>(count));
  for (float& value : values) {
    value = normal(random);
  }
  return values;
}

class RandomMatrix {
 public:
  /** `code` null: random codes; otherwise every code is it. */
  RandomMatrix(const MatrixCase& shape, uint32_t seed, const uint32_t* code = nullptr) : shape_(shape), random_(seed) {
    words_.resize(static_cast<size_t>(shape.rows * shape.columns * shape.bits / 32));
    values_.resize(static_cast<size_t>(shape.rows * shape.columns));
    const int64_t groups = shape.rows * shape.columns / shape.group_size;
    if (shape.scale_type == ScaleType::E8M0 || shape.scale_type == ScaleType::E4M3) {
      fill_float_codes(groups, code);
      return;
    }
    std::uniform_real_distribution<float> scale(0.001F, 0.01F);
    for (int64_t g = 0; g < groups; ++g) {
      const float s = append(scales_, random_() % 2 == 0 ? scale(random_) : -scale(random_));
      const float b = append(biases_, scale(random_) * -8);
      for (int64_t i = g * shape.group_size; i < (g + 1) * shape.group_size; ++i) {
        values_[static_cast<size_t>(i)] = s * static_cast<float>(put(i, code)) + b;
      }
    }
  }

  QuantizedMatrix view() const {
    return {words_.data(), scales_.data(), biases_.data(),    shape_.scale_type,
            shape_.rows,   shape_.columns, shape_.group_size, shape_.bits};
  }
  const std::vector<float>& values() const { return values_; }

  std::vector<float> random_input(int64_t m) { return normal_values(random_, m * shape_.columns); }

  /** The product in double, and the sum of magnitudes that bounds its error. */
  void product(const std::vector<float>& x, int64_t m, std::vector<double>& y, std::vector<double>& magnitude) const {
    for (int64_t i = 0; i < m; ++i) {
      for (int64_t r = 0; r < shape_.rows; ++r) {
        double sum = 0;
        double total = 0;
        for (int64_t k = 0; k < shape_.columns; ++k) {
          const double term = static_cast<double>(x[static_cast<size_t>(i * shape_.columns + k)]) *
                              values_[static_cast<size_t>(r * shape_.columns + k)];
          sum += term;
          total += std::abs(term);
        }
        y.push_back(sum);
        magnitude.push_back(total);
      }
    }
  }

 private:
  void fill_float_codes(int64_t groups, const uint32_t* code) {
    for (int64_t g = 0; g < groups; ++g) {
      const bool power = shape_.scale_type == ScaleType::E8M0;
      scales_.push_back(static_cast<uint8_t>((power ? 118 : 8) + random_() % 8));
      const float scale = float_scale_value(shape_.scale_type, scales_.back());
      for (int64_t i = g * shape_.group_size; i < (g + 1) * shape_.group_size; ++i) {
        values_[static_cast<size_t>(i)] = scale * float_code_value(FloatCode::E2M1, static_cast<uint8_t>(put(i, code)));
      }
    }
  }

  /** Stores `value` in the case's type; returns what was stored. */
  float append(std::vector<uint8_t>& to, float value) {
    uint32_t bits = std::bit_cast<uint32_t>(value);
    size_t size = 4;
    if (shape_.scale_type == ScaleType::BF16) {
      bits >>= 16;
      value = bfloat16_to_float(static_cast<uint16_t>(bits));
      size = 2;
    } else if (shape_.scale_type == ScaleType::F16) {
      const uint32_t exponent = (bits >> 23 & 0xff) - 112;
      bits = (bits >> 16 & 0x8000) | exponent << 10 | (bits >> 13 & 0x3ff);
      value = float16_to_float(static_cast<uint16_t>(bits));
      size = 2;
    }
    to.insert(to.end(), reinterpret_cast<uint8_t*>(&bits), reinterpret_cast<uint8_t*>(&bits) + size);
    return value;
  }

  uint32_t put(int64_t i, const uint32_t* code) {
    const uint32_t value = (code != nullptr ? *code : static_cast<uint32_t>(random_())) & ((1U << shape_.bits) - 1);
    const int64_t bit = i * shape_.bits;
    words_[static_cast<size_t>(bit / 32)] |= value << (bit % 32);
    if (bit % 32 + shape_.bits > 32) {
      words_[static_cast<size_t>(bit / 32 + 1)] |= value >> (32 - bit % 32);
    }
    return value;
  }

  MatrixCase shape_;
  std::mt19937 random_;
  std::vector<uint32_t> words_;
  std::vector<uint8_t> scales_;
  std::vector<uint8_t> biases_;
  std::vector<float> values_;
};

}  // namespace burin::kernels
