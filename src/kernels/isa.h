// The instruction set that the kernels run on: found once, forceable, so that tests can compare each with the scalar
// form.
#pragma once

#include <string_view>
#include <vector>

namespace burin::kernels {

/**
 * A processor has any subset of these. Avx2: AVX2, FMA and F16C. Avx512Bw: those and AVX-512 F, BW, DQ and VL. AvxVnni:
 * AVX2's, and byte products of 256 bits as AVX-VNNI or AVX-512 VNNI and VL encode them. Avx512Vnni: Avx512Bw and VNNI.
 * Avx512Bf16: those and products of bfloat16 pairs.
 * Neon: arm64 with the dot products of Armv8.2. NeonI8mm: those and mixed signs (I8MM).
 */
enum class Isa { Scalar, Avx2, Avx512Bw, AvxVnni, Avx512Vnni, Avx512Bf16, Neon, NeonI8mm };

/** "scalar", "avx2", "avx512bw", "avx_vnni", "avx512" (with VNNI), "avx512_bf16", "neon", "neon_i8mm". */
std::string_view name(Isa isa);

bool is_supported(Isa isa);
/** All that this machine and build have, the plainest first, the best last. */
std::vector<Isa> supported_isas();

/** The one in use; the best supported one until `set_isa`. */
Isa isa();

/** Throws: Unsupported when this machine or build lacks it. Threads: before kernels run. */
void set_isa(Isa isa);

}  // namespace burin::kernels
