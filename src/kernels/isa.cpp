#include "kernels/isa.h"

#include <atomic>
#include <string>

#include "base/error.h"

namespace burin::kernels {
namespace {

#if defined(BURIN_KERNELS_X86)
bool has_avx2() {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
}

bool has_avx512() {
  return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
         __builtin_cpu_supports("avx512vnni");
}
#endif

std::atomic<Isa>& current() {
  static std::atomic<Isa> value{supported_isas().back()};
  return value;
}

}  // namespace

std::string_view name(Isa isa) {
  switch (isa) {
    case Isa::Avx512:
      return "avx512";
    case Isa::Avx2:
      return "avx2";
    case Isa::Scalar:
      break;
  }
  return "scalar";
}

std::vector<Isa> supported_isas() {
  std::vector<Isa> all{Isa::Scalar};
#if defined(BURIN_KERNELS_X86)
  if (has_avx2()) {
    all.push_back(Isa::Avx2);
  }
  if (has_avx512()) {
    all.push_back(Isa::Avx512);
  }
#endif
  return all;
}

bool is_supported(Isa isa) {
  static const Isa kBest = supported_isas().back();
  return isa <= kBest;
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
