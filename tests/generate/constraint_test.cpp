#include "generate/constraint.h"

#include <cmath>
#include <functional>
#include <string>

#include <gtest/gtest.h>

#include "base/error.h"
#include "byte_level.h"
#include "fake_model.h"
#include "folder.h"
#include "generate/stream.h"

namespace burin::generate {
namespace {

using text::byte_level;
using text::FinishReason;
using text::kByteLevelSize;
using text::kEnd;
using Kind = text::GrammarSource::Kind;

constexpr int kPadded = 300;  // the model's embedding has more rows than the tokenizer has tokens

class Constrained : public testing::Test {
 protected:
  text::GenerateRequest request(Kind kind, const std::string& grammar) {
    text::GenerateRequest request{.prompt_ids = {'?'}, .max_tokens = 60};
    request.grammar = text::GrammarSource{.kind = kind, .text = grammar};
    return request;
  }

  /** The answer of a model that wants `next(id)` after `id`. */
  text::GenerateResult answer(const text::GenerateRequest& request, std::function<int32_t(int32_t)> next) {
    FakeModel model(kPadded, std::move(next));
    model.facts_.eos_token_ids = {kEnd};
    return generate({.model = model, .tokenizer = &tokenizer_}, request, nullptr);
  }

  text::Folder folder_ = text::Folder();
  text::Tokenizer tokenizer_ = text::Tokenizer::load_file_only(folder_.add("tokenizer.json", byte_level()).path());
};

TEST_F(Constrained, TakesTheModelsChoiceWhereTheGrammarLeavesOne) {
  const auto result = answer(request(Kind::Regex, "[a-z]{3}!"), [](int32_t id) { return id == 'x' ? 'y' : 'x'; });
  EXPECT_EQ(result.text, "xyx!");
  EXPECT_EQ(result.finish_reason, FinishReason::Stop);
}

TEST_F(Constrained, NeverTakesWhatTheGrammarForbids) {
  for (const int32_t wanted : {static_cast<int32_t>('a'), kEnd, kByteLevelSize + 5}) {
    const auto result = answer(request(Kind::Regex, "[0-9]{4}"), [wanted](int32_t) { return wanted; });
    EXPECT_EQ(result.text.size(), 4U);
    EXPECT_EQ(result.text.find_first_not_of("0123456789"), std::string::npos) << result.text;
  }
}

TEST_F(Constrained, EndsAtTheModelsEndOnlyWhenComplete) {
  const auto result = answer(request(Kind::Regex, "a{2,}"), [](int32_t) { return kEnd; });
  EXPECT_EQ(result.text, "aa");
  EXPECT_EQ(result.finish_reason, FinishReason::Stop);
}

TEST_F(Constrained, CallsTheModelNoMoreOnceNothingCanFollow) {
  FakeModel model(kPadded, [](int32_t) { return 'a'; });
  model.facts_.eos_token_ids = {kEnd};
  const auto result = generate({.model = model, .tokenizer = &tokenizer_}, request(Kind::Regex, "aaa"), nullptr);
  EXPECT_EQ(result.finish_reason, FinishReason::Stop);
  EXPECT_EQ(model.calls.size(), result.tokens.size());
}

TEST_F(Constrained, SaysLengthWhenItWasCut) {
  auto cut = request(Kind::Regex, "a*");
  cut.max_tokens = 5;
  const auto result = answer(cut, [](int32_t) { return 'a'; });
  EXPECT_EQ(result.text, "aaaaa");
  EXPECT_EQ(result.finish_reason, FinishReason::Length);
}

TEST_F(Constrained, CompleteAtTheLimitIsAStop) {
  auto exact = request(Kind::Regex, "[ax]{5}");
  exact.max_tokens = 5;
  EXPECT_EQ(answer(exact, [](int32_t) { return 'a'; }).finish_reason, FinishReason::Stop);
}

TEST_F(Constrained, JsonIsCompleteWhenTokensRunOut) {
  const std::string list =
      R"({"type":"object","properties":{"a":{"type":"array","items":{"type":"string","minLength":3}},
    "b":{"enum":["red","green"]}},"required":["a","b"],"additionalProperties":false})";
  for (const int tokens : {24, 25, 26, 40, 100}) {
    auto endless = request(Kind::JsonSchema, list);
    endless.max_tokens = tokens;
    const auto result = answer(endless, [](int32_t) { return 'x'; });
    const Json value = parse_json(result.text, "answer");
    EXPECT_TRUE(value.contains("a") && value.contains("b")) << result.text;
    EXPECT_EQ(result.finish_reason, FinishReason::Length);
    EXPECT_LE(result.tokens.size(), static_cast<size_t>(tokens));
    EXPECT_GE(result.tokens.size() + 2, static_cast<size_t>(tokens)) << result.text;
  }
}

TEST_F(Constrained, AnEndThatWasBegunIsFollowed) {
  auto endless =
      request(Kind::JsonSchema, R"({"type":"array","items":{"type":"string","format":"email"},"minItems":4})");
  endless.max_tokens = 40;
  const auto result = answer(endless, [](int32_t) { return 'x'; });
  EXPECT_EQ(parse_json(result.text, "answer").size(), 4U) << result.text;
}

TEST_F(Constrained, AnEndInTimeIsTheModelsOwn) {
  auto own = request(Kind::JsonSchema, R"({"type":"string"})");
  own.max_tokens = 5;
  const auto result = answer(own, [](int32_t id) { return id == 'y' ? '"' : 'y'; });
  EXPECT_EQ(result.text, "\"y\"");
  EXPECT_EQ(result.finish_reason, FinishReason::Stop);
}

TEST_F(Constrained, ANumberIsNotCutBehindItsPoint) {
  auto number = request(Kind::JsonSchema, R"({"type":"number"})");
  number.max_tokens = 3;
  const auto result = answer(number, [](int32_t id) { return id == '1' ? '2' : id == '2' ? '.' : '1'; });
  EXPECT_EQ(result.text, "12");
  EXPECT_EQ(result.finish_reason, FinishReason::Length);
}

TEST_F(Constrained, NoEndThatIsLongerThanTheLimit) {
  auto hopeless = request(Kind::JsonSchema, R"({"type":"string","minLength":50})");
  hopeless.max_tokens = 20;
  const auto result = answer(hopeless, [](int32_t) { return 'x'; });
  EXPECT_EQ(result.text.size(), 20U);
  EXPECT_EQ(result.finish_reason, FinishReason::Length);
}

TEST_F(Constrained, GoesWithPenaltiesAndSampling) {
  auto sampled =
      request(Kind::JsonSchema, R"({"type":"array","items":{"enum":["x","yy",3]},"minItems":2,"maxItems":4})");
  sampled.sampling = {.temperature = 1.5, .top_p = 0.9, .min_p = 0.01, .top_k = 40};
  sampled.sampling.repetition_penalty = 1.3;
  sampled.sampling.logit_bias = {{'q', 100.0F}};
  for (uint64_t seed = 0; seed < 20; ++seed) {
    sampled.sampling.seed = seed;
    const auto result = answer(sampled, [](int32_t id) { return (id * 7 + 13) % kPadded; });
    ASSERT_EQ(result.finish_reason, FinishReason::Stop);
    const Json array = parse_json(result.text, "answer");
    EXPECT_GE(array.size(), 2U);
    EXPECT_LE(array.size(), 4U);
  }
}

TEST_F(Constrained, LogprobsAreOfTheAllowedTokens) {
  const auto only = request(Kind::Regex, "q[ab]");
  FakeModel model(kPadded, [](int32_t) { return 'z'; });
  model.facts_.eos_token_ids = {kEnd};
  std::vector<float> logprobs;
  generate({.model = model, .tokenizer = &tokenizer_}, only, [&](const TokenEvent& event) {
    logprobs.push_back(event.logprob);
    return true;
  });
  ASSERT_EQ(logprobs.size(), 2U);
  EXPECT_NEAR(logprobs[0], 0.0F, 1e-5F);
  EXPECT_NEAR(logprobs[1], std::log(0.5F), 1e-5F);
}

TEST_F(Constrained, BadGrammarsAndNoTokenizerAreRefusedBeforeTheModelRuns) {
  FakeModel model(kPadded, [](int32_t) { return 'a'; });
  model.facts_.eos_token_ids = {kEnd};
  EXPECT_THROW(generate({.model = model, .tokenizer = &tokenizer_}, request(Kind::JsonSchema, "false"), nullptr),
               Error);
  EXPECT_THROW(generate({.model = model, .tokenizer = nullptr}, request(Kind::Json, ""), nullptr), Error);
  EXPECT_TRUE(model.calls.empty());
}

}  // namespace
}  // namespace burin::generate
