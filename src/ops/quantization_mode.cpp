#include "ops/quantization_mode.h"

#include <array>
#include <cstddef>

namespace burin::ops {

std::string_view name(QuantizationMode mode) {
  static constexpr std::array<std::string_view, 4> kNames{"affine", "mxfp4", "mxfp8", "nvfp4"};
  return kNames.at(static_cast<size_t>(mode));
}

}  // namespace burin::ops
