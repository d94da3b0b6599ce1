#include "backends/convert.h"

#include <gtest/gtest.h>

namespace burin::backends {
namespace {

// A structured binding names every member: a field added to one side alone stops the build here.
TEST(Convert, SamplingParamsAreEqualFieldByField) {
  const engine::GenerateRequest request{.sampling = {.temperature = 1,
                                                     .top_p = 2,
                                                     .min_p = 3,
                                                     .min_tokens_to_keep = 4,
                                                     .top_k = 5,
                                                     .xtc_probability = 6,
                                                     .xtc_threshold = 7,
                                                     .repetition_penalty = 8,
                                                     .repetition_context_size = 9,
                                                     .presence_penalty = 10,
                                                     .presence_context_size = 11,
                                                     .frequency_penalty = 12,
                                                     .frequency_context_size = 13,
                                                     .logit_bias = {{14, 15.F}},
                                                     .seed = 16}};
  const generate::SamplingParams copy = to_generate(request).sampling;
  const auto& [temperature, top_p, min_p, keep, top_k, xtc_p, xtc_t, rep, rep_n, pres, pres_n, freq, freq_n, bias,
               seed] = copy;
  EXPECT_EQ(std::tie(temperature, top_p, min_p, keep, top_k), std::make_tuple(1, 2, 3, 4, 5));
  EXPECT_EQ(std::tie(xtc_p, xtc_t, rep, rep_n), std::make_tuple(6, 7, 8, 9));
  EXPECT_EQ(std::tie(pres, pres_n, freq, freq_n), std::make_tuple(10, 11, 12, 13));
  EXPECT_EQ(bias.at(14), 15.F);
  EXPECT_EQ(seed, 16U);
}

TEST(Convert, DefaultsAreTheSameOnBothSides) {
  const generate::SamplingParams ours;
  const generate::SamplingParams theirs = to_generate(engine::GenerateRequest{}).sampling;
  EXPECT_EQ(std::tie(ours.temperature, ours.top_p, ours.min_p, ours.min_tokens_to_keep, ours.top_k),
            std::tie(theirs.temperature, theirs.top_p, theirs.min_p, theirs.min_tokens_to_keep, theirs.top_k));
  EXPECT_EQ(std::tie(ours.xtc_probability, ours.xtc_threshold, ours.repetition_penalty, ours.presence_penalty),
            std::tie(theirs.xtc_probability, theirs.xtc_threshold, theirs.repetition_penalty, theirs.presence_penalty));
  EXPECT_EQ(std::tie(ours.repetition_context_size, ours.presence_context_size, ours.frequency_context_size),
            std::tie(theirs.repetition_context_size, theirs.presence_context_size, theirs.frequency_context_size));
}

TEST(Convert, RequestAndResultKeepTheirFields) {
  const std::atomic<bool> cancel{false};
  engine::GenerateRequest asked;
  asked.prompt_ids = {1};
  asked.max_tokens = 2;
  asked.stop = {"x"};
  asked.prefill_step_size = 3;
  asked.cancel = &cancel;
  const generate::Request request = to_generate(asked);
  EXPECT_EQ(request.prompt_ids, std::vector<int32_t>{1});
  EXPECT_EQ(request.max_tokens, 2);
  EXPECT_EQ(request.stop, std::vector<std::string>{"x"});
  EXPECT_EQ(request.prefill_step_size, 3);
  EXPECT_EQ(request.cancel, &cancel);

  const engine::GenerateResult result = to_engine(generate::Result{.tokens = {4},
                                                                   .text = "t",
                                                                   .finish_reason = generate::FinishReason::Length,
                                                                   .prompt_tokens = 5,
                                                                   .first_token_ms = 6,
                                                                   .prompt_tokens_per_s = 7,
                                                                   .predicted_tokens_per_s = 8});
  EXPECT_EQ(result.tokens, std::vector<int32_t>{4});
  EXPECT_EQ(result.text, "t");
  EXPECT_EQ(result.finish_reason, engine::FinishReason::Length);
  EXPECT_EQ(std::tie(result.prompt_tokens, result.first_token_ms), std::make_tuple(5, 6));
  EXPECT_EQ(std::tie(result.prompt_tokens_per_s, result.predicted_tokens_per_s), std::make_tuple(7, 8));
}

TEST(Convert, EveryFinishReasonHasItsTwin) {
  using From = generate::FinishReason;
  using To = engine::FinishReason;
  for (const auto& [from, to] : {std::pair{From::None, To::None},
                                 {From::Stop, To::Stop},
                                 {From::Length, To::Length},
                                 {From::Cancelled, To::Cancelled}}) {
    EXPECT_EQ(to_engine(generate::TokenEvent{.finish_reason = from}).finish_reason, to);
  }
}

}  // namespace
}  // namespace burin::backends
