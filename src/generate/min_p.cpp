#include <array>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "generate/samplers.h"

namespace burin::generate {
namespace {

constexpr std::array kParameters{
    Parameter{"min_p", "Drop tokens less likely than this share of the most likely one", 0, 1, 0,
              [](const SamplingParams& p) { return p.min_p; }},
    Parameter{"min_tokens_to_keep", "This many of the most likely tokens pass min_p whatever their probability", 1,
              std::numeric_limits<int>::max(), 1,
              [](const SamplingParams& p) { return static_cast<double>(p.min_tokens_to_keep); }}};

mx::array apply_min_p(const mx::array& logprobs, double min_p, int min_tokens_to_keep) {
  const mx::array best = mx::max(logprobs, -1, true);
  mx::array remove = mx::less(logprobs, best + scalar_like(std::log(min_p), logprobs));
  if (min_tokens_to_keep > 1) {
    const int rows = logprobs.shape(0);
    const int vocab = logprobs.shape(1);
    const mx::array order = mx::argpartition(logprobs, -min_tokens_to_keep, -1);
    const mx::array kept = mx::slice(order, {0, vocab - min_tokens_to_keep}, {rows, vocab});
    remove = mx::put_along_axis(remove, kept, mx::array(false), -1);
  }
  return mx::where(remove, scalar_like(-std::numeric_limits<float>::infinity(), logprobs), logprobs);
}

SamplingStep make(const SamplingParams& params, const SamplerContext& context) {
  if (params.min_p == 0.0) {
    return {};
  }
  if (params.min_tokens_to_keep > context.vocab_size) {
    throw Error(ErrorCode::InvalidArgument, "sampling", "min_tokens_to_keep is greater than the vocabulary")
        .fact("param", "min_tokens_to_keep");
  }
  return [min_p = params.min_p, keep = params.min_tokens_to_keep](const mx::array& logprobs) {
    return apply_min_p(logprobs, min_p, keep);
  };
}

}  // namespace

SamplerDescriptor describe_min_p() {
  return {.name = "min_p",
          .summary = "A floor under the probability, relative to the best token",
          .order = 2,
          .parameters = kParameters,
          .make = make};
}

}  // namespace burin::generate
