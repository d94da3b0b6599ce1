#include "kernels/isa.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <string>

#include "base/error.h"
#include "kernels/cpu_features.h"
#include "kernels/isa_table.h"

namespace burin::kernels {
namespace {

constexpr std::array<std::string_view, 8> kNames{"scalar", "avx2",        "avx512bw", "avx_vnni",
                                                 "avx512", "avx512_bf16", "neon",     "neon_i8mm"};

bool always() {
  return true;
}

#if defined(BURIN_KERNELS_X86)
const PackedTable& packed_avx_vnni_as_encoded_here() {
  return has_avx_vnni() ? packed_avx_vnni() : packed_avx_vnni_evex();
}
#endif

/** The plainest first, the best last. */
constexpr IsaKernels kAll[] = {
    {Isa::Scalar, always, packed_scalar, kv_scalar, fused_scalar, qmatmul_scalar, float_codes_scalar, dense_scalar},
#if defined(BURIN_KERNELS_X86)
    {Isa::Avx2, has_avx2, packed_avx2, kv_avx2, fused_avx2, qmatmul_avx2, float_codes_avx2, dense_avx2},
    {Isa::Avx512Bw, has_avx512bw, packed_avx512bw, kv_avx512, fused_avx2, qmatmul_avx2, float_codes_avx2, dense_avx512},
    {Isa::AvxVnni, has_vnni_of_256_bits, packed_avx_vnni_as_encoded_here, kv_avx2, fused_avx2, qmatmul_avx2,
     float_codes_avx2, dense_avx2},
    {Isa::Avx512Vnni, has_avx512_vnni, packed_avx512_vnni, kv_avx512, fused_avx2, qmatmul_avx2, float_codes_avx2,
     dense_avx512},
    {Isa::Avx512Bf16, has_avx512_bf16, packed_avx512_vnni, kv_avx512_bf16, fused_avx2, qmatmul_avx2, float_codes_avx2,
     dense_avx512},
#elif defined(BURIN_KERNELS_ARM64)
    {Isa::Neon, has_dot_products, packed_neon, kv_neon, fused_neon, qmatmul_neon, float_codes_neon, dense_neon},
    {Isa::NeonI8mm, has_i8mm, packed_neon_i8mm, kv_neon, fused_neon, qmatmul_neon, float_codes_neon, dense_neon},
#endif
};

/** Null where this machine or build has no such set. */
const IsaKernels* find(Isa isa) {
  const auto* const found = std::ranges::find(kAll, isa, &IsaKernels::isa);
  return found != std::end(kAll) && found->supported() ? found : nullptr;
}

std::atomic<const IsaKernels*>& current() {
  static std::atomic<const IsaKernels*> value{find(supported_isas().back())};
  return value;
}

}  // namespace

std::string_view name(Isa isa) {
  return kNames.at(static_cast<size_t>(isa));
}

std::vector<Isa> supported_isas() {
  std::vector<Isa> all;
  for (const IsaKernels& each : kAll) {
    if (each.supported()) {
      all.push_back(each.isa);
    }
  }
  return all;
}

bool is_supported(Isa isa) {
  return find(isa) != nullptr;
}

const IsaKernels& kernels_in_use() {
  return *current().load(std::memory_order_relaxed);
}

Isa isa() {
  return kernels_in_use().isa;
}

void set_isa(Isa isa) {
  const IsaKernels* const found = find(isa);
  if (found == nullptr) {
    throw Error(ErrorCode::Unsupported, "kernels", "this machine has no " + std::string(name(isa)));
  }
  current().store(found, std::memory_order_relaxed);
}

}  // namespace burin::kernels
