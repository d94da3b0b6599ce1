#include <array>
#include <limits>

#include "generate/samplers.h"

namespace burin::generate {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

constexpr std::array kParameters{Parameter{"xtc_probability", "Chance that XTC is applied to a token; 0: off", 0, 1, 0,
                                           [](const SamplingParams& p) { return p.xtc_probability; }},
                                 Parameter{"xtc_threshold", "Probability above which a token counts as a top choice", 0,
                                           0.5, 0.1, [](const SamplingParams& p) { return p.xtc_threshold; }}};

/** True for every top choice but the least likely one, special tokens exempt. */
mx::array top_choices(const mx::array& logprobs, double threshold, const std::vector<int32_t>& special_tokens) {
  const mx::array probs = mx::softmax(logprobs, -1);
  const mx::array above = mx::greater(probs, scalar_like(threshold, probs));
  const mx::array least = mx::min(mx::where(above, probs, scalar_like(kInfinity, probs)), -1, true);
  mx::array mask = mx::greater(probs, least);
  if (!special_tokens.empty()) {
    const mx::array ids(special_tokens.begin(), {1, static_cast<int>(special_tokens.size())}, mx::int32);
    mask = mx::put_along_axis(mask, mx::broadcast_to(ids, {logprobs.shape(0), ids.shape(1)}), mx::array(false), -1);
  }
  return mask;
}

SamplingStep make(const SamplingParams& params, const SamplerContext& context) {
  if (params.xtc_probability <= 0.0) {
    return {};
  }
  return [probability = params.xtc_probability, threshold = params.xtc_threshold, context](const mx::array& logprobs) {
    const mx::array mask = top_choices(logprobs, threshold, context.xtc_special_tokens);
    const mx::array draw = mx::random::uniform(0.0F, 1.0F, {}, mx::float32, context.keys->next());
    return mx::where(mx::greater(draw, scalar_like(probability, draw)), logprobs,
                     mx::where(mask, scalar_like(-kInfinity, logprobs), logprobs));
  };
}

}  // namespace

SamplerDescriptor describe_xtc() {
  return {.name = "xtc",
          .summary = "Exclude top choices: now and then drop all but the least likely of the likely tokens",
          .order = 3,
          .parameters = kParameters,
          .make = make};
}

}  // namespace burin::generate
