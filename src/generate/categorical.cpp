#include <array>
#include <limits>

#include "generate/samplers.h"

namespace burin::generate {
namespace {

constexpr std::array kParameters{Parameter{"temperature", "Divides the log-probabilities before the draw; 0: greedy", 0,
                                           std::numeric_limits<int>::max(), 0,
                                           [](const SamplingParams& p) { return p.temperature; }}};

SamplingStep make(const SamplingParams& params, const SamplerContext& context) {
  return [inverse = 1.0 / params.temperature, keys = context.keys](const mx::array& logprobs) {
    return mx::random::categorical(logprobs * scalar_like(inverse, logprobs), -1, keys->next());
  };
}

}  // namespace

SamplerDescriptor describe_categorical() {
  return {.name = "categorical",
          .summary = "The draw itself, at a temperature",
          .order = 5,
          .parameters = kParameters,
          .make = make};
}

}  // namespace burin::generate
