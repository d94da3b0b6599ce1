// Normally distributed numbers.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

namespace burin::kernels {

inline std::vector<float> random_values(size_t count, uint32_t seed, float scale = 1.0F) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0.0F, scale);
  std::vector<float> values(count);
  for (float& value : values) {
    value = normal(random);
  }
  return values;
}

}  // namespace burin::kernels
