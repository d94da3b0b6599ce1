// The instruction set that the kernels run on: found once, forceable, so that tests can compare each with the scalar
// form.
#pragma once

#include <string_view>
#include <vector>

namespace burin::kernels {

/** In the order of what they need: Avx2 is AVX2, FMA and F16C together, Avx512 adds AVX-512 F, BW, DQ, VL and VNNI. */
enum class Isa { Scalar, Avx2, Avx512 };

/** "scalar", "avx2", "avx512". */
std::string_view name(Isa isa);

bool is_supported(Isa isa);
/** All that this machine and build have, the plainest first. */
std::vector<Isa> supported_isas();

/** The one in use; the best supported one until `set_isa`. */
Isa isa();

/** Throws: Unsupported when this machine or build lacks it. Threads: before kernels run. */
void set_isa(Isa isa);

}  // namespace burin::kernels
