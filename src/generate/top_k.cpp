#include <fmt/core.h>

#include <array>
#include <limits>

#include "base/error.h"
#include "generate/samplers.h"
#include "ops/sampling.h"

namespace burin::generate {
namespace {

constexpr std::array kParameters{Parameter{"top_k", "Keep this many of the most likely tokens; 0: all", 0,
                                           std::numeric_limits<int>::max(), 0,
                                           [](const SamplingParams& p) { return static_cast<double>(p.top_k); }}};

SamplingStep make(const SamplingParams& params, const SamplerContext& context) {
  if (params.top_k == 0) {
    return {};
  }
  if (params.top_k >= context.vocab_size) {
    throw Error(
        ErrorCode::InvalidArgument, "sampling",
        fmt::format("top_k must be less than the vocabulary of {}, but is {}", context.vocab_size, params.top_k))
        .fact("param", "top_k");
  }
  return [top_k = params.top_k](const mx::array& logprobs) { return ops::keep_largest(logprobs, top_k); };
}

}  // namespace

SamplerDescriptor describe_top_k() {
  return {
      .name = "top_k", .summary = "Only the most likely tokens", .order = 4, .parameters = kParameters, .make = make};
}

}  // namespace burin::generate
