#include "generate/stream.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "fake_model.h"
#include "folder.h"

namespace burin::generate {
namespace {

using Ids = std::vector<int32_t>;

/** A fake model that counts upwards, and what it was asked. */
struct Counting {
  FakeModel model{32, [](int32_t id) { return (id + 1) % 32; }};
  text::GenerateRequest request{.prompt_ids = {1, 2, 3}, .max_tokens = 4};
  std::vector<TokenEvent> events;

  text::GenerateResult run() {
    return generate({.model = model}, request, [&](const TokenEvent& event) {
      events.push_back(event);
      return true;
    });
  }
  void expect_refused(const std::string& param) {
    try {
      run();
      FAIL() << param;
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ErrorCode::InvalidArgument);
      EXPECT_EQ(e.facts().at("param"), param);
    }
    EXPECT_TRUE(model.calls.empty());
  }
};

TEST(Generate, EndsAtMaxTokens) {
  Counting c;
  const text::GenerateResult result = c.run();
  EXPECT_EQ(result.tokens, (Ids{4, 5, 6, 7}));
  EXPECT_EQ(result.finish_reason, FinishReason::Length);
  EXPECT_EQ(result.prompt_tokens, 3);
  ASSERT_EQ(c.events.size(), 4U);
  EXPECT_EQ(c.events[2].finish_reason, FinishReason::None);
  EXPECT_EQ(c.events[3].finish_reason, FinishReason::Length);
  EXPECT_EQ(c.events[3].id, 7);
  EXPECT_NEAR(c.events[0].logprob, 4 - std::log(std::exp(4.0) + 31), 1e-5);
}

TEST(Generate, EndsAtEosWithAnEventOfItsOwn) {
  Counting c;
  c.model.facts_.eos_token_ids = {6};
  const text::GenerateResult result = c.run();
  EXPECT_EQ(result.tokens, (Ids{4, 5}));
  EXPECT_EQ(result.finish_reason, FinishReason::Stop);
  ASSERT_EQ(c.events.size(), 3U);
  EXPECT_EQ(c.events[2].id, -1);
  EXPECT_EQ(c.events[2].finish_reason, FinishReason::Stop);
}

TEST(Generate, EndlessStopsWhenTheContextIsFull) {
  Counting c;
  c.request.max_tokens = -1;
  c.model.facts_.context_size = 10;
  EXPECT_EQ(c.run().tokens.size(), 7U);
  EXPECT_EQ(c.events.back().finish_reason, FinishReason::Length);
}

TEST(Generate, PrefillsInChunksAndKeepsTheLastTokenBack) {
  Counting c;
  c.request.prompt_ids = Ids(12, 1);
  c.request.prefill_step_size = 4;
  c.request.max_tokens = 1;
  std::vector<std::pair<int, int>> progress;
  c.request.on_prefill = [&](int done, int total) { progress.emplace_back(done, total); };
  c.run();
  EXPECT_EQ(c.model.calls, (std::vector<int>{4, 4, 3, 1}));
  EXPECT_EQ(progress, (std::vector<std::pair<int, int>>{{0, 12}, {4, 12}, {8, 12}, {11, 12}, {12, 12}}));
}

TEST(Generate, AnExhaustedLimitRunsNoStepTooMany) {
  Counting c;
  c.run();
  EXPECT_EQ(c.model.calls, (std::vector<int>{2, 1, 1, 1, 1}));
}

TEST(Generate, CancelFlagEndsItBetweenTokens) {
  Counting c;
  std::atomic<bool> cancel{false};
  c.request.cancel = &cancel;
  const text::GenerateResult result = generate({.model = c.model}, c.request, [&](const TokenEvent& event) {
    c.events.push_back(event);
    cancel = true;
    return true;
  });
  EXPECT_EQ(result.tokens, (Ids{4}));
  EXPECT_EQ(result.finish_reason, FinishReason::Cancelled);
  EXPECT_EQ(c.events.back().finish_reason, FinishReason::Cancelled);
}

TEST(Generate, CancelFlagEndsPrefill) {
  Counting c;
  std::atomic<bool> cancel{false};
  c.request.cancel = &cancel;
  c.request.prompt_ids = Ids(12, 1);
  c.request.prefill_step_size = 4;
  c.request.on_prefill = [&](int done, int) { cancel = done == 4; };
  EXPECT_EQ(c.run().finish_reason, FinishReason::Cancelled);
  EXPECT_EQ(c.model.calls, (std::vector<int>{4}));
  EXPECT_EQ(c.events.size(), 1U);
}

TEST(Generate, ASinkThatReturnsFalseIsNotCalledAgain) {
  Counting c;
  int calls = 0;
  const text::GenerateResult result =
      generate({.model = c.model}, c.request, [&](const TokenEvent&) { return ++calls < 2; });
  EXPECT_EQ(calls, 2);
  EXPECT_EQ(result.tokens, (Ids{4, 5}));
  EXPECT_EQ(result.finish_reason, FinishReason::Cancelled);
}

TEST(Generate, PenaltiesSeeThePromptAndTheAnswer) {
  Counting c;
  c.model = FakeModel(8, [](int32_t) { return 5; });
  c.request.prompt_ids = {5, 1, 1, 1};
  c.request.sampling.presence_penalty = 10;
  EXPECT_EQ(c.run().tokens, (Ids{0, 2, 3, 4}));
}

TEST(Generate, PenaltyContextCrossesThePrefillChunks) {
  Counting c;
  c.model = FakeModel(8, [](int32_t) { return 5; });
  c.request = {.prompt_ids = {5, 1, 1, 1}, .max_tokens = 1, .prefill_step_size = 1};
  c.request.sampling.presence_penalty = 10;
  c.request.sampling.presence_context_size = 3;
  EXPECT_EQ(c.run().tokens, (Ids{5}));
  c.request.sampling.presence_context_size = 4;
  EXPECT_EQ(c.run().tokens, (Ids{0}));
}

TEST(Generate, IdsAboveTheTokenizersVocabularyGiveNoText) {
  text::Folder folder;
  const text::Tokenizer tokenizer = text::Tokenizer::load(folder.add("tokenizer.json", text::small_bpe()).path());
  const int32_t padded = tokenizer.vocab_size() + 3;
  const FakeModel model(padded + 1, [padded](int32_t id) { return id == padded ? 8 : padded; });
  const text::GenerateResult result =
      generate({.model = model, .tokenizer = &tokenizer}, {.prompt_ids = {4}, .max_tokens = 4}, nullptr);
  EXPECT_EQ(result.tokens, (Ids{padded, 8, padded, 8}));
  EXPECT_EQ(result.text, "ii");
}

TEST(Generate, NaNLogitsAreAnError) {
  Counting c;
  c.model.height = std::nanf("");
  try {
    c.run();
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::Corrupt);
  }
  EXPECT_TRUE(c.events.empty());
}

TEST(Generate, RefusesBadRequestsBeforeTheModelRuns) {
  const auto refused = [](const std::string& param, const std::function<void(Counting&)>& spoil) {
    Counting c;
    c.model.facts_.context_size = 16;
    spoil(c);
    c.expect_refused(param);
  };
  refused("prompt", [](Counting& c) { c.request.prompt_ids.clear(); });
  refused("prompt", [](Counting& c) { c.request.prompt_ids = {1, 32}; });
  refused("prompt", [](Counting& c) { c.request.prompt_ids = {-1}; });
  refused("prompt", [](Counting& c) { c.request.prompt_ids = Ids(16, 1); });
  refused("max_tokens", [](Counting& c) { c.request.max_tokens = 0; });
  refused("max_tokens", [](Counting& c) { c.request.max_tokens = -2; });
  refused("prefill_step_size", [](Counting& c) { c.request.prefill_step_size = 0; });
  refused("stop", [](Counting& c) { c.request.stop = {"text"}; });
  refused("top_p", [](Counting& c) { c.request.sampling.top_p = 7; });
  refused("logit_bias", [](Counting& c) { c.request.sampling.logit_bias = {{99, 1.F}}; });
}

}  // namespace
}  // namespace burin::generate
