// Comparison of arrays in tests.
#pragma once

#include <gtest/gtest.h>

#include "ops/array.h"

namespace burin::ops {

/** Largest difference, relative to the larger of 1 and the largest magnitude of `b`. */
inline float difference(const mx::array& a, const mx::array& b) {
  EXPECT_EQ(a.shape(), b.shape());
  EXPECT_EQ(a.dtype(), mx::float32);
  if (a.size() == 0) {
    return 0.0F;
  }
  const mx::array reference = mx::astype(b, mx::float32);
  const float scale = std::max(1.0F, mx::max(mx::abs(reference)).item<float>());
  return mx::max(mx::abs(mx::subtract(a, reference))).item<float>() / scale;
}

inline mx::array normal(mx::Shape shape, uint64_t seed) {
  return mx::random::normal(std::move(shape), mx::float32, mx::random::key(seed));
}

}  // namespace burin::ops
