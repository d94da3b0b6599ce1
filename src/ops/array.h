// MLX, under the name the whole trunk uses, and numbers as arrays.
#pragma once

#include <mlx/mlx.h>

namespace burin {

namespace mx = mlx::core;

/** A number in one dtype: a bare C++ number would promote a half-precision array to float32. */
inline mx::array scalar(double value, mx::Dtype dtype = mx::float32) {
  return mx::array(static_cast<float>(value), dtype);
}

inline mx::array scalar_like(double value, const mx::array& like) {
  return scalar(value, like.dtype());
}

}  // namespace burin
