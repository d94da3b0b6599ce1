#include "generate/sampler.h"

#include <chrono>
#include <utility>

namespace burin::generate {
namespace {

// 1 / temperature must stay a float; what lies below is the limit anyway.
constexpr double kGreedyBelow = 1e-30;

uint64_t clock_seed() {
  return static_cast<uint64_t>(std::chrono::system_clock::now().time_since_epoch().count());
}

}  // namespace

Sampler make_sampler(const SamplingParams& params, std::vector<int32_t> xtc_special_tokens, int vocab_size) {
  for (const SamplerDescriptor& sampler : samplers()) {
    check_parameters(sampler.parameters, params);
  }
  if (params.temperature < kGreedyBelow) {
    return [](const mx::array& logprobs) { return mx::argmax(logprobs, -1); };
  }
  const SamplerContext context{
      .keys = std::make_shared<mx::random::KeySequence>(params.seed.value_or(clock_seed())),
      .xtc_special_tokens = std::move(xtc_special_tokens),
      .vocab_size = vocab_size,
  };
  std::vector<SamplingStep> steps;
  for (const SamplerDescriptor& sampler : samplers()) {
    if (SamplingStep step = sampler.make(params, context)) {
      steps.push_back(std::move(step));
    }
  }
  return [steps = std::move(steps)](const mx::array& logprobs) {
    mx::array x = logprobs;
    for (const SamplingStep& step : steps) {
      x = step(x);
    }
    return x;
  };
}

}  // namespace burin::generate
