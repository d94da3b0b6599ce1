#include <unistd.h>

#include <atomic>
#include <stdexcept>
#include <thread>

#include "fixture.h"

namespace burin {
namespace {

using Api = ApiTest;

TEST_F(Api, AnswersTextIdsAndConversations) {
  Engine engine = loaded();
  EXPECT_EQ(engine.generate("abc").text, "<s>abc");
  EXPECT_EQ(engine.generate(TokenIds{'x', 'y'}).text, "xy");
  EXPECT_EQ(engine.generate(Chat{.messages = {{"user", "hi"}}}).text, "<s>[user]hi");
  EXPECT_EQ(engine.generate(Chat{.messages_json = R"([{"role": "user", "content": "hi"}])"}).text, "<s>[user]hi");
  EXPECT_EQ(engine.render_chat({.messages = {{"user", "hi"}}}), "<s>[user]hi");
  EXPECT_EQ(engine.detokenize(engine.tokenize("ab")), "<s>ab");
  EXPECT_EQ(engine.tokenize("", false), TokenIds());
}

TEST_F(Api, CallbackAndStreamSeeTheSameTokens) {
  Engine engine = loaded();
  std::string called;
  const GenerateResult result = engine.generate("abc", {}, [&](const Token& token) {
    called += token.text;
    return true;
  });
  std::string pulled;
  TokenStream stream = engine.stream("abc");
  for (const Token& token : stream) {
    pulled += token.text;
    EXPECT_EQ(token.id, token.text[0]);
  }
  EXPECT_EQ(called, "<s>abc");
  EXPECT_EQ(pulled, called);
  EXPECT_EQ(stream.result().text, result.text);
  EXPECT_EQ(stream.result().tokens, result.tokens);
  EXPECT_EQ(stream.next(), std::nullopt);
  EXPECT_EQ(result.prompt_tokens, 4);
}

TEST_F(Api, LimitsComeFromTheParametersElseFromTheConfiguration) {
  Engine engine = loaded();
  engine.load({.hub_id = "tiny", .max_tokens = 2});
  EXPECT_EQ(engine.generate("abc").tokens.size(), 2U);
  EXPECT_EQ(engine.generate("abc").finish_reason, FinishReason::Length);
  EXPECT_EQ(engine.generate("abc", {.max_tokens = 1}).tokens.size(), 1U);
  EXPECT_EQ(engine.configuration().name, "tiny");
}

TEST_F(Api, FactsMetricsAndHealth) {
  Engine engine = loaded();
  EXPECT_EQ(engine.facts().model_type, "fake");
  EXPECT_EQ(engine.facts().name, "tiny");
  EXPECT_EQ(engine.facts().context_size, 4096);
  engine.generate("abc");
  EXPECT_EQ(engine.metrics().prompt_tokens, 4U);
  EXPECT_EQ(engine.metrics().tokens_generated, 6U);
  EXPECT_EQ(engine.metrics().completed, 1U);
  EXPECT_GT(engine.metrics().peak_resident_bytes, 0U);
  EXPECT_EQ(engine.health().state, EngineHealth::Healthy);
  EXPECT_EQ(engine.health().last_error, std::nullopt);
}

TEST_F(Api, ACancelFromAnotherThreadEndsAnAnswerAndKeepsItsText) {
  Engine engine = loaded();
  TokenStream stream = engine.stream("slow", {.max_tokens = -1});
  stream.next();
  std::thread([&] { stream.cancel(); }).join();
  const GenerateResult result = stream.result();
  EXPECT_EQ(result.finish_reason, FinishReason::Cancelled);
  EXPECT_FALSE(result.text.empty());
  std::thread other([&] {
    while (engine.metrics().completed == 0 && engine.metrics().cancelled < 2) {
      engine.cancel();
      std::this_thread::yield();
    }
  });
  EXPECT_EQ(engine.generate("slow", {.max_tokens = -1}).finish_reason, FinishReason::Cancelled);
  other.join();
}

TEST_F(Api, ACallbackMayEndItThrowAndCallTheEngine) {
  Engine engine = loaded();
  EXPECT_EQ(engine.generate("slow", {}, [](const Token&) { return false; }).finish_reason, FinishReason::Cancelled);
  EXPECT_THROW(engine.generate("slow", {}, [](const Token&) -> bool { throw std::logic_error("mine"); }),
               std::logic_error);
  EXPECT_THROW(engine.load({.hub_id = "tiny"}, [](double) -> bool { throw std::logic_error("mine"); }),
               std::logic_error);
  engine.load({.hub_id = "tiny"});
  std::string inner;
  engine.generate("a", {}, [&](const Token&) {
    inner = engine.generate("b").text;
    return true;
  });
  EXPECT_EQ(inner, "<s>b");
}

TEST_F(Api, AStreamOutlivesItsEngine) {
  auto engine = std::make_unique<Engine>(loaded());
  TokenStream stream = engine->stream("slow");
  engine.reset();
  EXPECT_EQ(stream.result().finish_reason, FinishReason::Cancelled);
}

TEST_F(Api, ManyThreadsShareAnEngine) {
  Engine engine = loaded(/* max_waiting = */ 100);
  std::atomic<int> right{0};
  std::vector<std::thread> callers;
  for (int i = 0; i < 6; ++i) {
    callers.emplace_back([&, i] {
      for (int round = 0; round < 10; ++round) {
        const std::string prompt(static_cast<size_t>(i) + 1, 'a');
        std::string text;
        for (const Token& token : engine.stream(prompt)) {
          text += token.text;
        }
        right += text == "<s>" + prompt ? 1 : 0;
        engine.health();
      }
    });
  }
  for (std::thread& caller : callers) {
    caller.join();
  }
  EXPECT_EQ(right, 60);
  EXPECT_EQ(engine.metrics().completed, 60U);
}

TEST_F(Api, ModelsAreListedAndResolvedAsTheProgramDoes) {
  add_model("tidy", "{}");
  ASSERT_EQ(list_models(environment()).size(), 2U);
  EXPECT_EQ(list_models(environment())[0].name, "tidy");
  EXPECT_EQ(resolve_model("tin", environment()).path, home_ / "tiny");
  EXPECT_EQ(resolve_model((home_ / "tiny").string(), environment()).path, home_ / "tiny");
}

// One test for each code of the table; Network is in hub_test.cpp.

TEST_F(Api, InvalidArgument) {
  Engine engine({.environment = environment()});
  EXPECT_EQ(code([&] { engine.generate("no model"); }), ErrorCode::InvalidArgument);
  EXPECT_EQ(code([&] { engine.facts(); }), ErrorCode::InvalidArgument);
  EXPECT_EQ(code([&] { engine.attempt_recovery(); }), ErrorCode::InvalidArgument);
  EXPECT_EQ(code([&] { engine.load({.hub_id = "tiny", .threads = -1}); }), ErrorCode::InvalidArgument);
  EXPECT_EQ(code([&] { Engine({.environment = environment(), .max_waiting = -1}); }), ErrorCode::InvalidArgument);
  EXPECT_EQ(code([&] { Engine({.environment = environment(), .backend = "../mlx"}); }), ErrorCode::InvalidArgument);
  engine.load({.hub_id = "tiny"});
  const std::vector<std::pair<Prompt, std::string>> bad = {
      {std::string("a\0b", 3), "prompt"},
      {"\xff", "prompt"},
      {TokenIds{}, "prompt"},
      {TokenIds(5000, 'a'), "prompt"},
      {Chat{}, "prompt"},
      {Chat{.messages = {{"user", "a"}}, .messages_json = "[]"}, "prompt"},
      {Chat{.messages_json = "[]"}, "messages"},
      {Chat{.messages_json = "{"}, "messages_json"},
      {Chat{.messages = {{"user", "a"}}, .tools_json = "{}"}, "tools_json"},
      {Chat{.messages = {{"user", "a"}}, .template_kwargs_json = "[]"}, "template_kwargs_json"}};
  for (const auto& [prompt, param] : bad) {
    const Error error = failure([&] { engine.generate(prompt); });
    EXPECT_EQ(error.code(), ErrorCode::InvalidArgument) << error.what();
    EXPECT_EQ(error.facts().at("param"), param) << error.what();
  }
  EXPECT_EQ(failure([&] { engine.generate_with_retry("a", {}, {.base_delay = Seconds(-1)}); }).facts().at("param"),
            "base_delay");
  EXPECT_EQ(engine.health().state, EngineHealth::Healthy);
}

TEST_F(Api, BadFormatsDraftsAndCachesAreNamed) {
  Engine engine = loaded();
  using Kind = Format::Kind;
  const std::vector<std::pair<GenerateParams, std::string>> bad = {
      {{.format = Format{.kind = Kind::Json, .text = "{}"}}, "format_text"},
      {{.format = Format{.kind = Kind::Regex, .text = std::string("a\0b", 3)}}, "format_text"},
      {{.format = Format{.kind = static_cast<Kind>(7), .text = "x"}}, "format"},
      {{.draft = static_cast<Draft>(7)}, "draft"}};
  for (const auto& [params, param] : bad) {
    EXPECT_EQ(failure([&, &given = params] { engine.generate("a", given); }).facts().at("param"), param);
  }
  const std::vector<std::pair<ModelConfiguration, std::string>> unloadable = {
      {{.hub_id = "tiny", .max_kv_size = -1}, "max_kv_size"},
      {{.hub_id = "tiny", .kv_bits = 5}, "kv_bits"},
      {{.hub_id = "tiny", .quantized_kv_start = -1}, "quantized_kv_start"}};
  for (const auto& [configuration, param] : unloadable) {
    EXPECT_EQ(failure([&, &given = configuration] { engine.load(given); }).facts().at("param"), param);
  }
  EXPECT_EQ(code([&] { engine.load({.hub_id = "tiny", .draft_hub_id = "nobody"}); }), ErrorCode::NotFound);
}

TEST_F(Api, TheNewestSequenceIsKeptUntilItIsGivenBack) {
  Engine engine = loaded();
  EXPECT_EQ(engine.generate("abc").cached_tokens, 0);
  EXPECT_EQ(engine.generate("abcd").cached_tokens, 4);  // <s> in front
  engine.optimize_performance();
  EXPECT_EQ(engine.generate("abcd").cached_tokens, 0);
  engine.load({.hub_id = "tiny", .keep_sequence = false});
  engine.generate("abc");
  EXPECT_EQ(engine.generate("abc").cached_tokens, 0);
  engine.unload();
  EXPECT_EQ(code([&] { engine.optimize_performance(); }), ErrorCode::InvalidArgument);
}

TEST_F(Api, NotFound) {
  Engine engine({.environment = environment()});
  const Error error = failure([&] { engine.load({.hub_id = "nothing"}); });
  EXPECT_EQ(error.code(), ErrorCode::NotFound);
  EXPECT_EQ(error.type(), "model_not_found");
  EXPECT_FALSE(error.hint().empty());
  EXPECT_FALSE(engine.is_loaded());
}

TEST_F(Api, Ambiguous) {
  add_model("tidy", "{}");
  const Error error = failure([&] { resolve_model("ti", environment()); });
  EXPECT_EQ(error.code(), ErrorCode::Ambiguous);
  EXPECT_EQ(error.facts().at("matches"), R"(["tidy","tiny"])");
}

/** Root may read everything: as long as it lives, the process is nobody's. */
class NotRoot {
 public:
  NotRoot() : root_(::geteuid() == 0 && ::seteuid(65534) == 0) {}
  ~NotRoot() {
    if (root_) {
      EXPECT_EQ(::seteuid(0), 0);
    }
  }
  NotRoot(const NotRoot&) = delete;
  NotRoot& operator=(const NotRoot&) = delete;

 private:
  bool root_;
};

TEST_F(Api, Permission) {
  add_model("closed", "{}");
  std::filesystem::permissions(home_ / "closed" / "config.json", std::filesystem::perms::none);
  Engine engine = loaded();
  const NotRoot user;
  const Error error = failure([&] { engine.load({.hub_id = "closed"}); });
  EXPECT_EQ(error.code(), ErrorCode::Permission) << error.what();
  EXPECT_NE(error.message().find("config.json"), std::string::npos) << error.what();
}

TEST_F(Api, Corrupt) {
  add_model("torn", "{");
  Engine engine({.environment = environment()});
  const Error error = failure([&] { engine.load({.hub_id = "torn"}); });
  EXPECT_EQ(error.code(), ErrorCode::Corrupt);
  EXPECT_NE(error.message().find("config.json"), std::string::npos);
}

TEST_F(Api, UnsupportedNamesTheMissingBackendAndHowToAddIt) {
  Environment elsewhere = environment();
  elsewhere.backend_dir = home_;
  Engine engine({.environment = elsewhere});
  const Error error = failure([&] { engine.load({.hub_id = "tiny"}); });
  EXPECT_EQ(error.code(), ErrorCode::Unsupported);
  EXPECT_NE(error.message().find("libburin_mlx.so is missing"), std::string::npos);
  EXPECT_FALSE(error.hint().empty());
  Engine other({.environment = environment(), .backend = "cuda"});
  EXPECT_EQ(code([&] { other.load({.hub_id = "tiny"}); }), ErrorCode::Unsupported);
}

TEST_F(Api, ResourceExhaustedAndInternalDegradeAndRetriesAreSpent) {
  Engine engine = loaded();
  EXPECT_EQ(code([&] { engine.generate("fail"); }), ErrorCode::ResourceExhausted);
  EXPECT_EQ(engine.health().state, EngineHealth::Degraded);
  EXPECT_EQ(code([&] { engine.stream("crash").result(); }), ErrorCode::Internal);
  EXPECT_EQ(engine.health().last_error, ErrorCode::Internal);
  const Error spent =
      failure([&] { engine.generate_with_retry("fail", {}, {.max_retries = 2, .base_delay = Seconds(0.001)}); });
  EXPECT_EQ(spent.facts().at("attempts"), "3");
  EXPECT_EQ(engine.health().state, EngineHealth::Unhealthy);
  EXPECT_EQ(engine.metrics().failed, 5U);
  EXPECT_EQ(engine.metrics().retries, 2U);
  engine.attempt_recovery();
  EXPECT_EQ(engine.health().state, EngineHealth::Recovering);
  for (int i = 0; i < 3; ++i) {
    engine.generate_with_retry("ok");
  }
  EXPECT_EQ(engine.health().state, EngineHealth::Healthy);
}

TEST_F(Api, Busy) {
  Engine engine = loaded(/* max_waiting = */ 0);
  TokenStream stream = engine.stream("slow", {.max_tokens = -1});
  EXPECT_EQ(code([&] { engine.generate("second"); }), ErrorCode::Busy);
  stream.cancel();
  stream.result();
  EXPECT_EQ(engine.generate("second").text, "<s>second");
}

TEST_F(Api, Cancelled) {
  Engine engine({.environment = environment()});
  EXPECT_EQ(code([&] { engine.load({.hub_id = "tiny"}, [](double) { return false; }); }), ErrorCode::Cancelled);
  EXPECT_FALSE(engine.is_loaded());
}

}  // namespace
}  // namespace burin
