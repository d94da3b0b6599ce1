// Whether this processor, and the system that saves its registers, have what a set of kernels needs.
#pragma once

namespace burin::kernels {

#if defined(BURIN_KERNELS_X86)

inline bool has_avx2() {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
}

inline bool has_avx512bw() {
  return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}

inline bool has_avx512_vnni() {
  return has_avx512bw() && __builtin_cpu_supports("avx512vnni");
}

/** The encoding of AVX2 (VEX), which processors without AVX-512 have. */
inline bool has_avx_vnni() {
  return has_avx2() && __builtin_cpu_supports("avxvnni");
}

/** In either encoding. */
inline bool has_vnni_of_256_bits() {
  return has_avx_vnni() || has_avx512_vnni();
}

#endif

}  // namespace burin::kernels
