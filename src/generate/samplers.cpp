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

}  // namespace burin::generate
