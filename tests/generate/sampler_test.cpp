#include "generate/sampler.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/error.h"
#include "ops/sampling.h"

namespace burin::generate {
namespace {

constexpr float kDropped = -std::numeric_limits<float>::infinity();

mx::array log_of(const std::vector<float>& probs) {
  return mx::log(mx::array(probs.begin(), {1, static_cast<int>(probs.size())}, mx::float32));
}

std::vector<bool> kept(const mx::array& logprobs) {
  mx::array x = mx::contiguous(logprobs);
  mx::eval(x);
  std::vector<bool> keep;
  for (int i = 0; i < x.shape(1); ++i) {
    keep.push_back(x.data<float>()[i] != kDropped);
  }
  return keep;
}

/** Applies one step of the table by name. */
std::vector<bool> filtered(std::string_view name, const SamplingParams& params, const std::vector<float>& probs,
                           std::vector<int32_t> special = {}) {
  const SamplerContext context{std::make_shared<mx::random::KeySequence>(0), std::move(special),
                               static_cast<int>(probs.size())};
  for (const SamplerDescriptor& sampler : samplers()) {
    if (sampler.name == name) {
      return kept(sampler.make(params, context)(log_of(probs)));
    }
  }
  return {};
}

void expect_refused(const SamplingParams& params, const std::string& param) {
  try {
    make_sampler(params, {}, 8);
    FAIL() << param;
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::InvalidArgument);
    EXPECT_EQ(e.facts().at("param"), param);
    EXPECT_NE(e.message().find(param), std::string::npos) << e.message();
  }
}

std::vector<uint32_t> draws(const SamplingParams& params, int count) {
  const Sampler sampler = make_sampler(params, {}, 4);
  std::vector<uint32_t> ids;
  for (int i = 0; i < count; ++i) {
    mx::array id = sampler(log_of({.4F, .3F, .2F, .1F}));
    ids.push_back(id.item<uint32_t>());
  }
  return ids;
}

TEST(Samplers, TableIsInMlxLmsOrder) {
  std::vector<std::string_view> names;
  for (const SamplerDescriptor& sampler : samplers()) {
    names.push_back(sampler.name);
    EXPECT_FALSE(sampler.parameters.empty());
  }
  EXPECT_EQ(names, (std::vector<std::string_view>{"top_p", "min_p", "xtc", "top_k", "categorical"}));
}

TEST(TopP, ExactBoundaryKeepsOne) {
  EXPECT_EQ(filtered("top_p", {.top_p = .5}, {.25F, .5F, .125F, .125F}),
            (std::vector<bool>{false, true, false, false}));
}

TEST(TopP, TiesWithTheThresholdStay) {
  EXPECT_EQ(filtered("top_p", {.top_p = .6}, {.5F, .25F, .25F}), (std::vector<bool>{true, true, true}));
}

TEST(MinP, KeepsTokensNearTheBest) {
  EXPECT_EQ(filtered("min_p", {.min_p = .3}, {.5F, .2F, .14F, .16F}), (std::vector<bool>{true, true, false, true}));
}

TEST(MinP, KeepsTokensExactlyAtTheLimit) {
  EXPECT_EQ(filtered("min_p", {.min_p = 1}, {.4F, .1F, .4F, .1F}), (std::vector<bool>{true, false, true, false}));
}

TEST(MinP, KeepsTheAskedNumber) {
  EXPECT_EQ(filtered("min_p", {.min_p = 1, .min_tokens_to_keep = 2}, {.5F, .2F, .14F, .16F}),
            (std::vector<bool>{true, true, false, false}));
}

/** The draw as MLX's own sort, partition and sums make it. */
uint32_t stock_draw(const mx::array& logits, const SamplingParams& params, mx::random::KeySequence& keys) {
  mx::array x = logits - mx::logsumexp(logits, -1, true);
  const mx::array sorted = mx::sort(x, -1);
  const mx::array above = mx::cumsum(mx::exp(sorted), -1, true, false);
  const mx::array dropped = mx::sum(mx::greater_equal(above, mx::array(static_cast<float>(params.top_p))), -1, true);
  x = mx::where(mx::less(x, mx::take_along_axis(sorted, dropped, -1)), mx::array(kDropped), x);
  const mx::array order = mx::argpartition(mx::negative(x), params.top_k - 1, -1);
  const mx::array others = mx::slice(order, {0, params.top_k}, {1, x.shape(1)});
  x = mx::put_along_axis(x, others, mx::array(kDropped), -1);
  mx::array id = mx::random::categorical(x * mx::array(static_cast<float>(1 / params.temperature)), -1, keys.next());
  return id.item<uint32_t>();
}

TEST(MakeSampler, DrawsTheTokensThatMlxsPartsWould) {
  for (const int vocab : {50, 5000, 30000}) {
    const SamplingParams params{.temperature = 0.8, .top_p = 0.95, .top_k = 40, .seed = 17};
    const Sampler sampler = make_sampler(params, {}, vocab);
    mx::random::KeySequence keys(17);
    for (uint64_t i = 0; i < 60; ++i) {
      const mx::array logits = mx::random::normal({1, vocab}, mx::float32, mx::random::key(i)) * mx::array(2.0F);
      mx::array ours = sampler(ops::log_softmax(logits));
      ASSERT_EQ(ours.item<uint32_t>(), stock_draw(logits, params, keys)) << vocab << ", draw " << i;
    }
  }
}

TEST(TopK, KeepsTheBest) {
  EXPECT_EQ(filtered("top_k", {.top_k = 2}, {.1F, .5F, .1F, .3F}), (std::vector<bool>{false, true, false, true}));
}

TEST(Xtc, DropsAllButTheLeastLikelyTopChoice) {
  const SamplingParams always{.xtc_probability = 1, .xtc_threshold = .15};
  EXPECT_EQ(filtered("xtc", always, {.4F, .3F, .2F, .1F}), (std::vector<bool>{false, false, true, true}));
  EXPECT_EQ(filtered("xtc", always, {.4F, .3F, .2F, .1F}, {0}), (std::vector<bool>{true, false, true, true}));
}

TEST(Xtc, LeavesASingleTopChoice) {
  EXPECT_EQ(filtered("xtc", {.xtc_probability = 1, .xtc_threshold = .5}, {.6F, .3F, .1F}),
            (std::vector<bool>{true, true, true}));
}

TEST(Sampler, GreedyTakesTheLowestOfEqualBest) {
  mx::array id = make_sampler({}, {}, 4)(log_of({.1F, .4F, .4F, .1F}));
  EXPECT_EQ(id.item<uint32_t>(), 1U);
}

TEST(Sampler, ASeedRepeatsItsDraws) {
  const SamplingParams params{.temperature = 1, .seed = 7};
  EXPECT_EQ(draws(params, 40), draws(params, 40));
  EXPECT_NE(draws(params, 40), draws({.temperature = 1, .seed = 8}, 40));
}

TEST(Sampler, TinyTemperatureIsGreedy) {
  EXPECT_EQ(draws({.temperature = 1e-300, .seed = 1}, 5), std::vector<uint32_t>(5, 0));
}

TEST(Sampler, RefusesWhatIsOutOfRange) {
  const double nan = std::nan("");
  expect_refused({.temperature = -1}, "temperature");
  expect_refused({.temperature = nan}, "temperature");
  expect_refused({.temperature = std::numeric_limits<double>::infinity()}, "temperature");
  expect_refused({.top_p = 1.5}, "top_p");
  expect_refused({.min_p = -.1}, "min_p");
  expect_refused({.min_tokens_to_keep = 0}, "min_tokens_to_keep");
  expect_refused({.top_k = -1}, "top_k");
  expect_refused({.temperature = 1, .top_k = 8}, "top_k");
  expect_refused({.temperature = 1, .min_p = .5, .min_tokens_to_keep = 9}, "min_tokens_to_keep");
  expect_refused({.xtc_probability = 2}, "xtc_probability");
  expect_refused({.xtc_threshold = .6}, "xtc_threshold");
}

TEST(Sampler, StaysInTheDtypeOfTheLogits) {
  const SamplerContext context{std::make_shared<mx::random::KeySequence>(0), {}, 4};
  const mx::array half = mx::astype(log_of({.4F, .3F, .2F, .1F}), mx::bfloat16);
  const SamplingParams params{.temperature = 1, .top_p = .9, .min_p = .1, .top_k = 2, .xtc_probability = .5};
  for (const SamplerDescriptor& sampler : samplers()) {
    if (sampler.name != "categorical") {
      EXPECT_EQ(sampler.make(params, context)(half).dtype(), mx::bfloat16) << sampler.name;
    }
  }
}

}  // namespace
}  // namespace burin::generate
