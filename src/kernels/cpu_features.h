// Whether this processor, and the system that saves its registers, have what a set of kernels needs.
#pragma once

#if defined(BURIN_KERNELS_ARM64) && defined(__linux__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#elif defined(BURIN_KERNELS_ARM64) && defined(__APPLE__)
#include <sys/sysctl.h>
#endif

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

inline bool has_avx512_bf16() {
  return has_avx512_vnni() && __builtin_cpu_supports("avx512bf16");
}

/** The encoding of AVX2 (VEX), which processors without AVX-512 have. */
inline bool has_avx_vnni() {
  return has_avx2() && __builtin_cpu_supports("avxvnni");
}

/** In either encoding. */
inline bool has_vnni_of_256_bits() {
  return has_avx_vnni() || has_avx512_vnni();
}

#elif defined(BURIN_KERNELS_ARM64)

#if defined(__linux__)

inline bool has_dot_products() {
  return (getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0;
}

inline bool has_i8mm() {
  return has_dot_products() && (getauxval(AT_HWCAP2) & HWCAP2_I8MM) != 0;
}

#elif defined(__APPLE__)  // never tried: the developers have no such machine

inline bool has_feature(const char* name) {
  int present = 0;
  size_t size = sizeof present;
  return sysctlbyname(name, &present, &size, nullptr, 0) == 0 && present != 0;
}

inline bool has_dot_products() {
  return has_feature("hw.optional.arm.FEAT_DotProd");
}

inline bool has_i8mm() {
  return has_dot_products() && has_feature("hw.optional.arm.FEAT_I8MM");
}

#else

inline bool has_dot_products() {
  return false;
}

inline bool has_i8mm() {
  return false;
}

#endif

#endif

}  // namespace burin::kernels
