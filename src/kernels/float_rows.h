// Rows of floats as the kernels' tables take them.
#pragma once

#include <cstdint>

namespace burin::kernels {

/** `count` rows of `width` values each, `stride` elements apart. */
struct FloatRows {
  const float* at;
  int64_t stride;
  int64_t count;
  int64_t width;
};

}  // namespace burin::kernels
