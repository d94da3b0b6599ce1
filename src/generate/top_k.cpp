#include <fmt/core.h>

#include <array>
#include <limits>

#include "base/error.h"
#include "generate/samplers.h"

namespace burin::generate {
namespace {

constexpr std::array kParameters{Parameter{"top_k", "Keep this many of the most likely tokens; 0: all", 0,
                                           std::numeric_limits<int>::max(), 0,
                                           [](const SamplingParams& p) { return static_cast<double>(p.top_k); }}};

mx::array apply_top_k(const mx::array& logprobs, int top_k) {
  const int vocab = logprobs.shape(1);
  const mx::array order = mx::argpartition(mx::negative(logprobs), top_k - 1, -1);
  const mx::array dropped = mx::slice(order, {0, top_k}, {logprobs.shape(0), vocab});
  return mx::put_along_axis(logprobs, dropped, scalar_like(-std::numeric_limits<float>::infinity(), logprobs), -1);
}

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
  return [top_k = params.top_k](const mx::array& logprobs) { return apply_top_k(logprobs, top_k); };
}

}  // namespace

SamplerDescriptor describe_top_k() {
  return {
      .name = "top_k", .summary = "Only the most likely tokens", .order = 4, .parameters = kParameters, .make = make};
}

}  // namespace burin::generate
