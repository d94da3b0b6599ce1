// The instruction set that the kernels run on: found once, forceable, so that tests can compare each with the scalar
// form.
#pragma once

#include <string_view>

namespace burin::kernels {

enum class Isa { Scalar, Avx2 };  // Avx2 stands for AVX2, FMA and F16C together

/** "scalar", "avx2". */
std::string_view name(Isa isa);

bool is_supported(Isa isa);

/** The one in use; the best supported one until `set_isa`. */
Isa isa();

/** Throws: Unsupported when this machine or build lacks it. Threads: before kernels run. */
void set_isa(Isa isa);

}  // namespace burin::kernels
