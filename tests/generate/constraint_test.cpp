#include "generate/constraint.h"

#include <cmath>
#include <functional>
#include <string>

#include <gtest/gtest.h>

#include "base/error.h"
#include "byte_level.h"
#include "fake_model.h"
#include "folder.h"
#include "generate/prompt_cache.h"
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
  const auto result = generate({.model = model, .tokenizer = &tokenizer_}, request(Kind::Regex, "[ab]{3}"), nullptr);
  EXPECT_EQ(result.finish_reason, FinishReason::Stop);
  EXPECT_EQ(model.calls.size(), result.tokens.size());
}

TEST_F(Constrained, RunsWhatIsForcedTogetherWithTheNextChoice) {
  FakeModel model(kPadded, [](int32_t id) { return id == '=' ? '7' : 'z'; });
  model.facts_.eos_token_ids = {kEnd};
  std::string streamed;
  const auto result = generate({.model = model, .tokenizer = &tokenizer_},
                               request(Kind::Regex, "width=[0-9], height=[0-9]!"), [&](const TokenEvent& event) {
                                 streamed += event.text;
                                 return true;
                               });
  EXPECT_EQ(result.text, "width=7, height=7!");
  EXPECT_EQ(streamed, result.text);
  EXPECT_EQ(result.tokens.size(), result.text.size());
  EXPECT_EQ(result.finish_reason, FinishReason::Stop);
  EXPECT_EQ(model.calls, (std::vector<int>{7, 10}));  // "?width=" and "7, height="
}

TEST_F(Constrained, ALongForcedPartIsRunInPieces) {
  FakeModel model(kPadded, [](int32_t) { return 'b'; });
  model.facts_.eos_token_ids = {kEnd};
  auto long_part = request(Kind::Regex, std::string(1500, 'z') + "[ab]");
  long_part.max_tokens = 2000;
  EXPECT_EQ(generate({.model = model, .tokenizer = &tokenizer_}, long_part, nullptr).text,
            std::string(1500, 'z') + "b");
  EXPECT_EQ(model.calls, (std::vector<int>{512, 512, 477}));
}

TEST_F(Constrained, ForcedTokensAreRunOneByOneWhereTheCacheIsLimited) {
  FakeModel model(kPadded, [](int32_t) { return 'g'; });
  model.facts_.eos_token_ids = {kEnd};
  auto limited = request(Kind::Regex, "x=[gh]yz[gh]");
  limited.cache_params.max_kv_size = 16;
  EXPECT_EQ(generate({.model = model, .tokenizer = &tokenizer_}, limited, nullptr).text, "x=gyzg");
  EXPECT_EQ(model.calls, std::vector<int>(6, 1));
}

TEST_F(Constrained, AForcedPartCanBeCutAndStopped) {
  auto cut = request(Kind::Regex, "abcdef[gh]");
  cut.max_tokens = 3;
  EXPECT_EQ(answer(cut, [](int32_t) { return 'g'; }).finish_reason, FinishReason::Length);
  auto stopped = request(Kind::Regex, "x=y=[gh]");
  stopped.stop = {"y"};
  const auto result = answer(stopped, [](int32_t) { return 'g'; });
  EXPECT_EQ(result.text, "x=");
  EXPECT_EQ(result.finish_reason, FinishReason::Stop);
}

TEST_F(Constrained, ACacheGoesOnBehindAForcedPart) {
  FakeModel model(kPadded, [](int32_t) { return 'g'; });
  model.facts_.eos_token_ids = {kEnd};
  PromptCache cache(model, {});
  auto first = request(Kind::Regex, "x=[gh] end");
  first.cache = &cache;
  const auto result = generate({.model = model, .tokenizer = &tokenizer_}, first, nullptr);
  EXPECT_EQ(result.text, "x=g end");
  EXPECT_EQ(cache.size(), 3);  // "?x=": what follows was not run
  auto next = request(Kind::Regex, "[gh]");
  next.prompt_ids = {'?', 'x', '=', 'g', ' ', 'e', 'n', 'd'};
  next.cache = &cache;
  EXPECT_EQ(generate({.model = model, .tokenizer = &tokenizer_}, next, nullptr).cached_tokens, 3);
}

/** The model wants b after a, c after b and a after c, and guesses are right. */
TEST_F(Constrained, GuessesCompleteAnAnswerToItsEnd) {
  for (const char* grammar : {"[abc]{8}", "[abc]{3}=[abc]{3}!", "[abc]{2}c[abc]abc[abc]{9}"}) {
    auto plain = request(Kind::Regex, grammar);
    plain.prompt_ids = {'a', 'b', 'c', 'a', 'b', 'c'};
    auto guessed = plain;
    guessed.speculation = {.method = text::DraftMethod::PromptLookup, .num_draft_tokens = 5};
    const auto next = [](int32_t id) { return id == 'a' ? 'b' : id == 'b' ? 'c' : 'a'; };
    const auto expected = answer(plain, next);
    const auto result = answer(guessed, next);
    EXPECT_EQ(expected.finish_reason, FinishReason::Stop);
    EXPECT_EQ(result.text, expected.text);
    EXPECT_EQ(result.finish_reason, expected.finish_reason);
    EXPECT_GT(result.accepted_tokens, 0) << grammar;
  }
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

TEST_F(Constrained, ATokenThatTheModelLacksIsAnError) {
  FakeModel model(100, [](int32_t) { return 'a'; });  // the tokenizer has more: x is 120, in the last word of a mask
  for (const char* grammar : {"x", "[xy]"}) {
    try {
      generate({.model = model, .tokenizer = &tokenizer_}, request(Kind::Regex, grammar), nullptr);
      ADD_FAILURE() << grammar;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::Unsupported) << error.what();
    }
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
