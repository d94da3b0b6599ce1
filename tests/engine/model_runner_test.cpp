#include "engine/model_runner.h"

#include <gmock/gmock.h>

#include "scripted_backend.h"

namespace burin::engine {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

/** A runner on a scripted backend, with a clock that the test moves. */
class Runner : public testing::Test {
 protected:
  explicit Runner(int max_waiting = 2)
      : runner_({.make_backend = [this] { return std::make_unique<ScriptedBackend>(script_); },
                 .max_waiting = max_waiting,
                 .now = [this] { return TimePoint(milliseconds(clock_ms_)); }}) {}
  ~Runner() override { EXPECT_EQ(script_.calls_elsewhere, 0); }

  void load() { runner_.load({}, nullptr); }
  void advance(milliseconds by) { clock_ms_ += by.count(); }
  std::string answer(const std::string& prompt) { return runner_.start(prompt, {})->result().text; }

  /** The error of `body`. */
  Error failure(const std::function<void()>& body) {
    const auto error = failure_of(body);
    EXPECT_TRUE(error) << "nothing was thrown";
    return error ? *error : Error(ErrorCode::Internal, "test", "none");
  }
  ErrorCode code(const std::function<void()>& body) { return failure(body).code(); }
  static void wait_until(const std::function<bool()>& holds) {
    for (int i = 0; i < 5000 && !holds(); ++i) {
      std::this_thread::sleep_for(milliseconds(1));
    }
    EXPECT_TRUE(holds());
  }

  Script script_;
  std::atomic<int64_t> clock_ms_{0};
  ModelRunner runner_;
};

TEST_F(Runner, WithoutAModelItSaysSo) {
  EXPECT_FALSE(runner_.is_loaded());
  EXPECT_EQ(code([&] { runner_.start("hi", {}); }), ErrorCode::InvalidArgument);
  EXPECT_EQ(code([&] { runner_.facts(); }), ErrorCode::InvalidArgument);
  EXPECT_EQ(code([&] { runner_.with_backend([](Backend&) {}); }), ErrorCode::InvalidArgument);
  EXPECT_EQ(code([&] { runner_.attempt_recovery(); }), ErrorCode::InvalidArgument);
  runner_.unload();
}

TEST_F(Runner, EventsResultAndMetricsOfOneAnswer) {
  load();
  const auto generation = runner_.start("abc", {});
  std::string text;
  while (const auto event = generation->next()) {
    text += event->text;
  }
  EXPECT_EQ(text, "abc");
  EXPECT_EQ(generation->result().text, "abc");
  const Metrics metrics = runner_.metrics();
  EXPECT_EQ(metrics.tokens_generated, 3U);
  EXPECT_EQ(metrics.prompt_tokens, 3U);
  EXPECT_EQ(metrics.kv_bytes, 300U);
  EXPECT_EQ(metrics.weight_bytes, 7U);
  EXPECT_EQ(metrics.completed, 1U);
  EXPECT_EQ(runner_.facts().model_type, "scripted");
}

TEST_F(Runner, KeepsTheNewestSequence) {
  load();
  EXPECT_EQ(runner_.start("abc", {})->result().cached_tokens, 0);
  EXPECT_EQ(runner_.start("abc", {})->result().cached_tokens, 1);
  EXPECT_EQ(script_.caches, 1);
  runner_.attempt_recovery();
  EXPECT_EQ(runner_.start("abc", {})->result().cached_tokens, 0);
  runner_.unload();
  EXPECT_EQ(script_.caches, 0);
}

TEST_F(Runner, KeepsNoneWhereNoneIsWanted) {
  runner_.load({.keeps_sequence = false}, nullptr);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(runner_.start("abc", {})->result().cached_tokens, 0);
  }
  EXPECT_EQ(script_.caches, 0);
  EXPECT_EQ(runner_.metrics().kv_bytes, 12U);
}

TEST_F(Runner, CachesThatCannotBeFailTheLoad) {
  const Error error = failure([&] { runner_.load({.cache = {.kv_bits = 5}, .keeps_sequence = false}, nullptr); });
  EXPECT_EQ(error.facts().at("param"), "kv_bits");
  EXPECT_FALSE(runner_.is_loaded());
  EXPECT_EQ(script_.alive, 0);
}

TEST_F(Runner, GivesMemoryBackAndForgets) {
  EXPECT_EQ(code([&] { runner_.give_back_memory(); }), ErrorCode::InvalidArgument);
  load();
  answer("abc");
  runner_.give_back_memory();
  EXPECT_EQ(script_.given_back, 1);
  EXPECT_EQ(runner_.start("abc", {})->result().cached_tokens, 0);
  EXPECT_EQ(script_.caches, 1);
}

TEST_F(Runner, BadPromptsFailTheirOwnRequestOnly) {
  load();
  EXPECT_EQ(code([&] { answer(""); }), ErrorCode::InvalidArgument);
  const Error full = failure([&] { answer(std::string(64, 'x')); });
  EXPECT_EQ(full.code(), ErrorCode::InvalidArgument);
  EXPECT_EQ(full.facts().at("context_size"), "64");
  EXPECT_EQ(code([&] { runner_.start(ChatPrompt{}, {})->result(); }), ErrorCode::Unsupported);
  EXPECT_EQ(runner_.health().state, HealthState::Healthy);
  EXPECT_EQ(answer("ok"), "ok");
}

TEST_F(Runner, MoreThanMayWaitIsBusyAndCancelFreesThePlaces) {
  load();
  script_.endless = true;
  std::vector<std::shared_ptr<Generation>> taken;
  for (int i = 0; i < 3; ++i) {
    taken.push_back(runner_.start("x", {}));
  }
  EXPECT_EQ(code([&] { runner_.start("x", {}); }), ErrorCode::Busy);
  taken[0]->next();
  taken[2]->cancel();  // waits still
  taken[0]->cancel();
  EXPECT_EQ(taken[0]->result().finish_reason, FinishReason::Cancelled);
  runner_.cancel();
  EXPECT_EQ(taken[1]->result().finish_reason, FinishReason::Cancelled);
  EXPECT_EQ(taken[2]->result().text, "");
  EXPECT_EQ(runner_.metrics().cancelled, 3U);
  script_.endless = false;
  EXPECT_EQ(answer("again"), "again");
}

TEST_F(Runner, AnAnswerThatNobodyReadsBlocksNoOther) {
  load();
  const auto unread = runner_.start("abc", {});
  EXPECT_EQ(answer("def"), "def");
  EXPECT_EQ(unread->next()->text, "a");
}

TEST_F(Runner, AFailureComesAfterItsEventsAndDegrades) {
  load();
  script_.failures = 1;
  const auto generation = runner_.start("abc", {});
  EXPECT_EQ(generation->next()->text, "a");
  EXPECT_EQ(code([&] { generation->next(); }), ErrorCode::Internal);
  EXPECT_EQ(code([&] { generation->result(); }), ErrorCode::Internal);
  EXPECT_EQ(runner_.health().state, HealthState::Degraded);
  EXPECT_EQ(runner_.metrics().failed, 1U);
  advance(std::chrono::seconds(61));
  answer("ok");
  EXPECT_EQ(runner_.health().state, HealthState::Healthy);
}

TEST_F(Runner, RetriesUntilAnAnswerIsWhole) {
  load();
  script_.failures = 2;
  const auto generation = runner_.generate_with_retry("abc", {}, {.base_delay = milliseconds(1)});
  EXPECT_EQ(generation->result().text, "abc");
  EXPECT_EQ(runner_.metrics().retries, 2U);
  EXPECT_EQ(runner_.health().state, HealthState::Degraded);
}

TEST_F(Runner, SpentRetriesMakeItUnhealthy) {
  load();
  script_.failures = 100;
  const Error error =
      failure([&] { runner_.generate_with_retry("abc", {}, {.max_retries = 1, .base_delay = milliseconds(1)}); });
  EXPECT_EQ(error.code(), ErrorCode::Internal);
  EXPECT_EQ(error.facts().at("attempts"), "2");
  EXPECT_EQ(runner_.health().state, HealthState::Unhealthy);
}

TEST_F(Runner, CancelEndsTheWaitForARetry) {
  load();
  script_.failures = 100;
  std::thread other([&] {
    wait_until([&] { return runner_.metrics().retries == 1; });
    runner_.cancel();
  });
  EXPECT_EQ(code([&] {
              runner_.generate_with_retry(
                  "abc", {}, {.base_delay = std::chrono::minutes(5), .max_delay = std::chrono::minutes(5)});
            }),
            ErrorCode::Cancelled);
  other.join();
}

TEST_F(Runner, ProgressIsReportedOnTheCallersThreadAndCanCancel) {
  script_.load_waits = true;
  const auto caller = std::this_thread::get_id();
  EXPECT_EQ(code([&] {
              runner_.load({}, [&](double fraction) {
                EXPECT_EQ(fraction, 0.5);
                EXPECT_EQ(std::this_thread::get_id(), caller);
                EXPECT_EQ(code([&] { runner_.unload(); }), ErrorCode::InvalidArgument);
                EXPECT_EQ(code([&] { runner_.start("x", {}); }), ErrorCode::Busy);
                return false;
              });
            }),
            ErrorCode::Cancelled);
  EXPECT_FALSE(runner_.is_loaded());
  EXPECT_EQ(script_.alive, 0);
}

TEST_F(Runner, CancelFromAnotherThreadEndsALoad) {
  script_.load_waits = true;
  std::thread other([&] {
    wait_until([&] { return script_.loads == 1; });
    runner_.cancel();
  });
  EXPECT_EQ(code([&] { load(); }), ErrorCode::Cancelled);
  other.join();
}

TEST_F(Runner, AFailedLoadLeavesNoModelAndTheNextOneWorks) {
  load();
  script_.load_fails = true;
  EXPECT_EQ(code([&] { load(); }), ErrorCode::Corrupt);
  EXPECT_FALSE(runner_.is_loaded());
  EXPECT_EQ(script_.alive, 0);
  script_.load_fails = false;
  load();
  EXPECT_EQ(answer("ok"), "ok");
}

TEST_F(Runner, AModelWithoutFiniteNumbersIsRefused) {
  script_.logit = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(code([&] { load(); }), ErrorCode::Internal);
  EXPECT_FALSE(runner_.is_loaded());
}

TEST_F(Runner, UnloadCancelsWhatRunsAndWaits) {
  load();
  script_.endless = true;
  const auto running = runner_.start("x", {});
  const auto waiting = runner_.start("x", {});
  runner_.unload();
  EXPECT_EQ(running->result().finish_reason, FinishReason::Cancelled);
  EXPECT_EQ(waiting->result().finish_reason, FinishReason::Cancelled);
  EXPECT_EQ(script_.alive, 0);
  EXPECT_EQ(runner_.metrics().weight_bytes, 0U);
}

TEST_F(Runner, RecoveryLoadsTheSameModelAndThreeGoodRequestsHeal) {
  load();
  script_.failures = 100;
  failure([&] { runner_.generate_with_retry("a", {}, {.max_retries = 0}); });
  script_.failures = 0;
  runner_.attempt_recovery();
  EXPECT_EQ(script_.loads, 2);
  EXPECT_EQ(runner_.health().state, HealthState::Recovering);
  for (int i = 0; i < 3; ++i) {
    answer("ok");
  }
  EXPECT_EQ(runner_.health().state, HealthState::Healthy);
  EXPECT_EQ(runner_.metrics().recoveries, 1U);
}

TEST_F(Runner, ARecoveryThatAnswersOtherwiseFails) {
  load();
  script_.logit = 2.0F;
  EXPECT_EQ(code([&] { runner_.attempt_recovery(); }), ErrorCode::Corrupt);
  EXPECT_EQ(runner_.health().state, HealthState::Unhealthy);
  EXPECT_FALSE(runner_.is_loaded());
  EXPECT_EQ(script_.alive, 0);
  script_.logit = 1.0F;
  runner_.attempt_recovery();
  EXPECT_TRUE(runner_.is_loaded());
}

TEST_F(Runner, ARecoveryThatTakesTooLongFails) {
  load();
  script_.load_waits = true;
  std::thread other([&] {
    wait_until([&] { return script_.loads == 2; });
    advance(std::chrono::seconds(3));
  });
  const Error error = failure([&] { runner_.attempt_recovery(); });
  EXPECT_THAT(error.message(), HasSubstr("three times"));
  other.join();
}

TEST_F(Runner, AfterThreeFailedRecoveriesItWaitsFiveMinutes) {
  load();
  script_.load_fails = true;
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(code([&] { runner_.attempt_recovery(); }), ErrorCode::Corrupt);
  }
  const Error error = failure([&] { runner_.attempt_recovery(); });
  EXPECT_EQ(error.code(), ErrorCode::Busy);
  EXPECT_EQ(error.facts().at("retry_after_s"), "300");
  advance(std::chrono::minutes(5));
  script_.load_fails = false;
  runner_.attempt_recovery();
  EXPECT_TRUE(runner_.is_loaded());
}

TEST_F(Runner, CallsFromManyThreadsAreAnsweredEachWithItsOwn) {
  load();
  std::atomic<int> right{0};
  std::atomic<int> busy{0};
  std::vector<std::thread> callers;
  for (int i = 0; i < 8; ++i) {
    callers.emplace_back([&, i] {
      for (int round = 0; round < 20; ++round) {
        const std::string prompt = "caller " + std::to_string(i);
        const auto error = failure_of([&] { right += answer(prompt) == prompt ? 1 : 0; });
        busy += error && error->code() == ErrorCode::Busy ? 1 : 0;
        runner_.metrics();
        runner_.health();
      }
    });
  }
  for (std::thread& caller : callers) {
    caller.join();
  }
  EXPECT_EQ(right + busy, 160);
  EXPECT_GT(right, 0);
}

TEST(ModelRunner, AGenerationOutlivesItsRunner) {
  Script script;
  script.endless = true;
  std::shared_ptr<Generation> generation;
  {
    ModelRunner runner({.make_backend = [&] { return std::make_unique<ScriptedBackend>(script); }});
    runner.load({}, nullptr);
    generation = runner.start("x", {});
    generation->next();
  }
  EXPECT_EQ(generation->result().finish_reason, FinishReason::Cancelled);
  EXPECT_EQ(script.alive, 0);
  EXPECT_EQ(script.calls_elsewhere, 0);
}

TEST(ModelRunner, ABackendThatCannotBeMadeIsTyped) {
  ModelRunner runner({.make_backend = []() -> std::unique_ptr<Backend> {
    throw Error(ErrorCode::Unsupported, "backend", "not built");
  }});
  EXPECT_EQ(failure_of([&] { runner.load({}, nullptr); })->code(), ErrorCode::Unsupported);
}

}  // namespace
}  // namespace burin::engine
