#include "kernels/isa.h"

#include <atomic>
#include <string>

#include "base/error.h"

namespace burin::kernels {
namespace {

Isa best() {
  return is_supported(Isa::Avx2) ? Isa::Avx2 : Isa::Scalar;
}

std::atomic<Isa>& current() {
  static std::atomic<Isa> value{best()};
  return value;
}

}  // namespace

std::string_view name(Isa isa) {
  return isa == Isa::Avx2 ? "avx2" : "scalar";
}

bool is_supported(Isa isa) {
#if defined(BURIN_KERNELS_AVX2)
  static const bool kHasAvx2 =
      __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
  return isa == Isa::Scalar || kHasAvx2;
#else
  return isa == Isa::Scalar;
#endif
}

Isa isa() {
  return current().load(std::memory_order_relaxed);
}

void set_isa(Isa isa) {
  if (!is_supported(isa)) {
    throw Error(ErrorCode::Unsupported, "kernels", "this machine has no " + std::string(name(isa)));
  }
  current().store(isa, std::memory_order_relaxed);
}

}  // namespace burin::kernels
