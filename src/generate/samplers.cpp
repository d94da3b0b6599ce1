#include "generate/samplers.h"

#include <algorithm>

namespace burin::generate {

#define SAMPLER(name) SamplerDescriptor describe_##name();
#include "generate/samplers.def"
#undef SAMPLER

std::span<const SamplerDescriptor> samplers() {
  static const std::vector<SamplerDescriptor> kTable = [] {
    std::vector<SamplerDescriptor> rows{
#define SAMPLER(name) describe_##name(),
#include "generate/samplers.def"
#undef SAMPLER
    };
    std::ranges::sort(rows, {}, &SamplerDescriptor::order);
    return rows;
  }();
  return kTable;
}

mx::array scalar_like(double fill, const mx::array& like) {
  return mx::array(static_cast<float>(fill), like.dtype());
}

}  // namespace burin::generate
