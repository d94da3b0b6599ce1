// Floats of two bytes, for the layers above.
#pragma once

#include "kernels/half.h"

namespace burin::ops {

using kernels::float_to_bfloat16;

}  // namespace burin::ops
