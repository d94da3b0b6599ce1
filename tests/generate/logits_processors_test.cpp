#include "generate/logits_processors.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"

namespace burin::generate {
namespace {

std::vector<float> processed(const SamplingParams& params, const std::vector<int32_t>& tokens) {
  mx::array logits(std::vector<float>{2, -2, 1, 0}.begin(), {1, 4}, mx::float32);
  const mx::array ids(tokens.begin(), {static_cast<int>(tokens.size())}, mx::int32);
  for (const LogitsProcessor& processor : make_logits_processors(params, 4)) {
    logits = processor(ids, logits);
  }
  logits = mx::contiguous(logits);
  mx::eval(logits);
  return {logits.data<float>(), logits.data<float>() + 4};
}

void expect_refused(const SamplingParams& params, const std::string& param) {
  try {
    make_logits_processors(params, 4);
    FAIL() << param;
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::InvalidArgument);
    EXPECT_EQ(e.facts().at("param"), param);
  }
}

TEST(LogitsProcessors, NoneByDefault) {
  EXPECT_TRUE(make_logits_processors({}, 4).empty());
}

TEST(LogitsProcessors, BiasAdds) {
  EXPECT_EQ(processed({.logit_bias = {{0, -1.F}, {3, 5.F}}}, {1}), (std::vector<float>{1, -2, 1, 5}));
}

TEST(LogitsProcessors, RepetitionWorksBySignOncePerToken) {
  EXPECT_EQ(processed({.repetition_penalty = 2}, {0, 0, 1}), (std::vector<float>{1, -4, 1, 0}));
}

TEST(LogitsProcessors, PresenceSubtractsOnce) {
  EXPECT_EQ(processed({.presence_penalty = .5}, {0, 0, 2}), (std::vector<float>{1.5, -2, .5, 0}));
}

TEST(LogitsProcessors, FrequencySubtractsForEachOccurrence) {
  EXPECT_EQ(processed({.frequency_penalty = .5}, {0, 0, 2}), (std::vector<float>{1, -2, .5, 0}));
}

TEST(LogitsProcessors, OnlyTheNewestTokensCount) {
  EXPECT_EQ(processed({.presence_penalty = 1, .presence_context_size = 2}, {0, 1, 2}),
            (std::vector<float>{2, -3, 0, 0}));
  EXPECT_EQ(processed({.presence_penalty = 1, .presence_context_size = 0}, {0, 1, 2}),
            (std::vector<float>{1, -3, 0, 0}));
}

TEST(LogitsProcessors, BiasComesBeforeThePenalties) {
  EXPECT_EQ(processed({.repetition_penalty = 2, .presence_penalty = 1, .logit_bias = {{0, 2.F}}}, {0}),
            (std::vector<float>{1, -2, 1, 0}));
}

TEST(LogitsProcessors, RefusesHostileParameters) {
  expect_refused({.repetition_penalty = -1}, "repetition_penalty");
  expect_refused({.presence_penalty = std::nan("")}, "presence_penalty");
  expect_refused({.frequency_penalty = INFINITY}, "frequency_penalty");
  expect_refused({.frequency_context_size = -1}, "frequency_context_size");
  expect_refused({.logit_bias = {{4, 1.F}}}, "logit_bias");
  expect_refused({.logit_bias = {{-1, 1.F}}}, "logit_bias");
  expect_refused({.logit_bias = {{1, NAN}}}, "logit_bias");
}

TEST(LogitsProcessors, ContextNeeded) {
  EXPECT_EQ(context_needed({.presence_context_size = 50}), 50);
  EXPECT_EQ(context_needed({.repetition_context_size = 0, .presence_context_size = 50}), 0);
}

}  // namespace
}  // namespace burin::generate
