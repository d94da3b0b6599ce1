#include <array>
#include <limits>

#include "generate/samplers.h"
#include "generate/sort.h"

namespace burin::generate {
namespace {

constexpr std::array kParameters{Parameter{
    "top_p", "Keep the smallest set of most likely tokens whose probabilities add up to this share; 0 and 1: all", 0, 1,
    1, [](const SamplingParams& p) { return p.top_p; }}};

/** Drops tokens with a strictly greater mass of at least top_p * total above them; ties with the threshold stay. */
mx::array apply_top_p(const mx::array& logprobs, double top_p) {
  const mx::array sorted = sorted_rows(logprobs);
  const mx::array probs = mx::exp(mx::astype(sorted, mx::float32));
  const mx::array mass_above = mx::cumsum(probs, -1, /* reverse = */ true, /* inclusive = */ false);
  const int rows = logprobs.shape(0);
  const mx::array total = mx::slice(mass_above, {0, 0}, {rows, 1}) + mx::slice(probs, {0, 0}, {rows, 1});
  const mx::array dropped = mx::sum(mx::greater_equal(mass_above, scalar_like(top_p, total) * total), -1, true);
  const mx::array threshold = mx::take_along_axis(sorted, dropped, -1);
  return mx::where(mx::less(logprobs, threshold), scalar_like(-std::numeric_limits<float>::infinity(), logprobs),
                   logprobs);
}

SamplingStep make(const SamplingParams& params, const SamplerContext&) {
  if (params.top_p <= 0.0 || params.top_p >= 1.0) {
    return {};
  }
  return [top_p = params.top_p](const mx::array& logprobs) { return apply_top_p(logprobs, top_p); };
}

}  // namespace

SamplerDescriptor describe_top_p() {
  return {.name = "top_p", .summary = "Nucleus sampling", .order = 1, .parameters = kParameters, .make = make};
}

}  // namespace burin::generate
