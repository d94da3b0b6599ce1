#include <array>

#include "generate/samplers.h"
#include "ops/sampling.h"

namespace burin::generate {
namespace {

constexpr std::array kParameters{Parameter{
    "top_p", "Keep the smallest set of most likely tokens whose probabilities add up to this share; 0 and 1: all", 0, 1,
    1, [](const SamplingParams& p) { return p.top_p; }}};

SamplingStep make(const SamplingParams& params, const SamplerContext&) {
  if (params.top_p <= 0.0 || params.top_p >= 1.0) {
    return {};
  }
  return [top_p = params.top_p](const mx::array& logprobs) { return ops::keep_mass(logprobs, top_p); };
}

}  // namespace

SamplerDescriptor describe_top_p() {
  return {.name = "top_p", .summary = "Nucleus sampling", .order = 1, .parameters = kParameters, .make = make};
}

}  // namespace burin::generate
