/// @file
/// The C++ interface of burin: load a model, get answers, from any thread. Complete in these headers on top of the C
/// interface, so that it works with any C++20 compiler and standard library.
#pragma once

#include <cstddef>
#include <iterator>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "burin/detail/border.h"
#include "burin/models.h"
#include "burin/types.h"

namespace burin {

/**
 * An answer as it comes: pull tokens with `next`, or by a range-for. The model does not wait for its reader; a stream
 * that goes away cancels what is left of it. It may outlive its Engine, whose end cancels it.
 * Threads: `cancel` from any; everything else from one at a time.
 */
class TokenStream {
 public:
  /** Waits for the next token; none at the end. Throws: what the generation failed with. */
  std::optional<Token> next() {
    burin_token token{};
    token.size = sizeof token;
    const burin_status status =
        detail::checked([&](burin_error** error) { return burin_generation_next(handle_.get(), &token, error); });
    return status == BURIN_END ? std::nullopt : std::optional<Token>(detail::token_from(token));
  }

  /** Waits for the end. Throws: what the generation failed with. */
  GenerateResult result() { return detail::result_from(handle_.get()); }

  /** Asks for the end; tokens that were made already still come. */
  void cancel() noexcept { burin_generation_cancel(handle_.get()); }

  /** Input iterator over the tokens that nobody has pulled yet. */
  class Iterator {
   public:
    using iterator_concept = std::input_iterator_tag;  ///< one pass
    using value_type = Token;                          ///< what it yields
    using difference_type = std::ptrdiff_t;            ///< as iterators have it

    /** Equal to the end. */
    Iterator() = default;
    /** At the stream's next token. */
    explicit Iterator(TokenStream& stream) : stream_(&stream) { ++*this; }

    /** The token. */
    const Token& operator*() const { return *token_; }
    /** Its members. */
    const Token* operator->() const { return &*token_; }
    /** Waits for the next token. */
    Iterator& operator++() {
      token_ = stream_->next();
      return *this;
    }
    /** The same. */
    void operator++(int) { ++*this; }
    /** Whether nothing is left. */
    friend bool operator==(const Iterator& it, std::default_sentinel_t) { return !it.token_; }

   private:
    TokenStream* stream_ = nullptr;
    std::optional<Token> token_;
  };

  /** Waits for the first token. */
  Iterator begin() { return Iterator(*this); }
  /** The end. */
  std::default_sentinel_t end() const noexcept { return {}; }

 private:
  friend class Engine;
  explicit TokenStream(burin_generation* handle) : handle_(handle) {}

  detail::Owned<burin_generation, burin_generation_free> handle_;
};

/**
 * One place for one loaded model. Requests are answered one after the other in the order in which they come, on a
 * thread of the engine's own; callbacks run on the caller's thread and may call the engine.
 * Threads: every member from any, except moving and destroying.
 */
class Engine {
 public:
  /** An engine without a model. Throws: InvalidArgument. */
  explicit Engine(const EngineOptions& options = {}) : state_(std::make_unique<State>()) {
    const detail::EnvironmentView environment(options.environment);
    burin_engine_options given;
    burin_engine_options_init(&given, sizeof given);
    given.environment = environment.get();
    given.backend = detail::c_text(options.backend, "backend");
    given.max_waiting = options.max_waiting;
    burin_engine* raw = nullptr;
    detail::checked([&](burin_error** error) { return burin_engine_new(&given, &raw, error); });
    handle_.reset(raw);
  }

  /**
   * Loads a model in place of the present one, whose requests are cancelled.
   * Throws: NotFound, Ambiguous, Corrupt, Unsupported (also: no such backend module), ResourceExhausted, Cancelled,
   * InvalidArgument, and what `on_progress` throws.
   */
  void load(ModelConfiguration configuration, const ProgressCallback& on_progress = nullptr) {
    burin_load_options options;
    burin_load_options_init(&options, sizeof options);
    options.model = detail::c_text(configuration.hub_id, "hub_id");
    options.precision = static_cast<int32_t>(configuration.precision);
    options.threads = configuration.threads;
    options.draft_model = detail::c_text_or_null(configuration.draft_hub_id, "draft_hub_id");
    const std::string pack_folder = configuration.pack_folder.string();
    options.pack_folder = detail::c_text_or_null(pack_folder, "pack_folder");
    options.keep_sequence = configuration.keep_sequence ? 1 : 0;
    options.max_kv_size = configuration.max_kv_size;
    options.kv_bits = configuration.kv_bits;
    options.kv_group_size = configuration.kv_group_size;
    options.quantized_kv_start = configuration.quantized_kv_start;
    options.with_tokenizer = configuration.with_tokenizer ? 1 : 0;
    detail::Guarded<ProgressCallback> guarded{on_progress, nullptr};
    const auto call = [](double fraction, void* data) {
      return (*static_cast<detail::Guarded<ProgressCallback>*>(data))(fraction);
    };
    run(guarded, [&](burin_error** error) {
      return burin_engine_load(handle_.get(), &options, on_progress ? +call : nullptr, &guarded, error);
    });
    const ModelFacts loaded = facts();
    configuration.name = configuration.name.empty() ? loaded.name : configuration.name;
    if (configuration.estimated_size_gb == 0.0) {
      configuration.estimated_size_gb = static_cast<double>(loaded.weight_bytes) * 1e-9;
    }
    const std::scoped_lock lock(state_->mutex);
    state_->configuration = std::move(configuration);
  }

  /** Cancels what runs and waits, and frees the model; without one it does nothing. */
  void unload() {
    detail::checked([&](burin_error** error) { return burin_engine_unload(handle_.get(), error); });
  }

  /** Whether a model is loaded. */
  bool is_loaded() const noexcept { return burin_engine_is_loaded(handle_.get()) != 0; }

  /** Of the newest load. */
  ModelConfiguration configuration() const {
    const std::scoped_lock lock(state_->mutex);
    return state_->configuration;
  }

  /** What is loaded. Throws: InvalidArgument without a model. */
  ModelFacts facts() const {
    burin_model_facts found{};
    found.size = sizeof found;
    char* texts[3] = {};
    detail::checked([&](burin_error** error) {
      return burin_engine_facts(handle_.get(), &found, &texts[0], &texts[1], &texts[2], error);
    });
    const detail::OwnedString name(texts[0]);
    const detail::OwnedString model_type(texts[1]);
    const detail::OwnedString device(texts[2]);
    return {texts[0],         texts[1],           texts[2],           found.context_size,
            found.vocab_size, found.thread_count, found.weight_bytes, found.kv_bytes_per_token};
  }

  /**
   * The whole answer; `on_token` sees it as it comes. A cancelled answer is a result too: its finish_reason says so.
   * Throws: InvalidArgument, Busy, Unsupported (no chat template), ResourceExhausted, Internal, what `on_token` throws.
   */
  GenerateResult generate(const Prompt& prompt, const GenerateParams& params = {},
                          const TokenCallback& on_token = nullptr) {
    const detail::Request request(prompt, params, configuration().max_tokens);
    const auto pass = [&](const burin_token* token) { return on_token(detail::token_from(*token)); };
    detail::Guarded<decltype(pass)> guarded{pass, nullptr};
    const auto call = [](const burin_token* token, void* data) {
      return (*static_cast<decltype(guarded)*>(data))(token);
    };
    detail::Owned<burin_generation, burin_generation_free> owned;
    run(guarded, [&](burin_error** error) {
      burin_generation* raw = nullptr;
      const burin_status status =
          burin_engine_generate(handle_.get(), request.get(), on_token ? +call : nullptr, &guarded, &raw, error);
      owned.reset(raw);  // also when the callback threw
      return status;
    });
    return detail::result_from(owned.get());
  }

  /** Queues a request and returns at once. Throws: InvalidArgument, Busy; the rest comes from the stream. */
  TokenStream stream(const Prompt& prompt, const GenerateParams& params = {}) {
    const detail::Request request(prompt, params, configuration().max_tokens);
    burin_generation* raw = nullptr;
    detail::checked([&](burin_error** error) { return burin_engine_start(handle_.get(), request.get(), &raw, error); });
    return TokenStream(raw);
  }

  /**
   * The whole answer, started anew while it fails by a cause that may pass (Internal, ResourceExhausted, Busy).
   * Throws: the last failure, with the fact "attempts"; Cancelled when `cancel` ended the wait for another attempt.
   */
  GenerateResult generate_with_retry(const Prompt& prompt, const GenerateParams& params = {},
                                     const RetryConfiguration& retry = {}) {
    const detail::Request request(prompt, params, configuration().max_tokens);
    burin_retry given;
    burin_retry_init(&given, sizeof given);
    given.max_retries = retry.max_retries;
    given.base_delay_s = retry.base_delay.count();
    given.backoff_multiplier = retry.backoff_multiplier;
    given.max_delay_s = retry.max_delay.count();
    given.jitter = retry.jitter;
    burin_generation* raw = nullptr;
    detail::checked([&](burin_error** error) {
      return burin_engine_generate_with_retry(handle_.get(), request.get(), &given, &raw, error);
    });
    const detail::Owned<burin_generation, burin_generation_free> owned(raw);
    return detail::result_from(raw);
  }

  /** Ends what loads, runs, waits, or waits for a retry. */
  void cancel() noexcept { burin_engine_cancel(handle_.get()); }

  /** Token ids of a text, after the requests before it. */
  TokenIds tokenize(const std::string& text, bool add_special_tokens = true) {
    int32_t* raw = nullptr;
    size_t count = 0;
    const char* given = detail::c_text(text, "text");
    detail::checked([&](burin_error** error) {
      return burin_engine_tokenize(handle_.get(), given, add_special_tokens ? 1 : 0, &raw, &count, error);
    });
    const detail::Owned<int32_t, burin_ids_free> owned(raw);
    return {raw, raw + count};
  }

  /** Text of token ids, after the requests before it. */
  std::string detokenize(const TokenIds& ids, bool skip_special_tokens = false) {
    char* raw = nullptr;
    detail::checked([&](burin_error** error) {
      return burin_engine_detokenize(handle_.get(), ids.data(), ids.size(), skip_special_tokens ? 1 : 0, &raw, error);
    });
    return detail::OwnedString(raw).get();
  }

  /** The text that a conversation becomes in the model's chat template. Throws: Unsupported without one. */
  std::string render_chat(const Chat& chat) {
    const Prompt prompt(chat);
    const detail::Request request(prompt, {}, 1);
    char* raw = nullptr;
    detail::checked(
        [&](burin_error** error) { return burin_engine_render_chat(handle_.get(), request.get(), &raw, error); });
    return detail::OwnedString(raw).get();
  }

  /** Figures; waits for nothing. */
  InferenceMetrics metrics() const {
    burin_metrics found{};
    found.size = sizeof found;
    detail::checked([&](burin_error**) { return burin_engine_metrics(handle_.get(), &found); });
    return {detail::from_ms(found.model_load_ms),
            detail::from_ms(found.last_generation_ms),
            detail::from_ms(found.first_token_ms),
            found.prompt_tokens_per_s,
            found.tokens_per_s,
            found.prompt_tokens,
            found.tokens_generated,
            found.kv_bytes,
            found.weight_bytes,
            found.resident_bytes,
            found.peak_resident_bytes,
            found.total_prompt_tokens,
            found.total_tokens_generated,
            found.completed,
            found.cancelled,
            found.failed,
            found.retries,
            found.recoveries};
  }

  /** How the engine is; waits for nothing. */
  HealthReport health() const {
    burin_health found{};
    found.size = sizeof found;
    char* reason = nullptr;
    detail::checked([&](burin_error**) { return burin_engine_health(handle_.get(), &found, &reason); });
    const detail::OwnedString owned(reason);
    HealthReport report{static_cast<EngineHealth>(found.state),
                        detail::from_ms(static_cast<double>(found.since_ms)),
                        reason,
                        found.recent_errors,
                        {}};
    if (found.last_code != BURIN_OK) {
      report.last_error = static_cast<ErrorCode>(found.last_code);
    }
    return report;
  }

  /**
   * Cancels what runs, loads the same model anew and compares its first step with the one of the first load. Three
   * good requests later the engine is healthy. Throws: what made it fail (the engine is then unhealthy); Busy (fact
   * "retry_after_s") after three failures within ten minutes; InvalidArgument when nothing was loaded.
   */
  void attempt_recovery() {
    detail::checked([&](burin_error** error) { return burin_engine_attempt_recovery(handle_.get(), error); });
  }

  /**
   * Forgets the kept sequence and gives the system back the memory that no request needs, after the requests before
   * it: for an application that goes to sleep. The next prompt is computed whole. Throws: InvalidArgument without a
   * model.
   */
  void optimize_performance() {
    detail::checked([&](burin_error** error) { return burin_engine_optimize_performance(handle_.get(), error); });
  }

 private:
  struct State {
    std::mutex mutex;
    ModelConfiguration configuration;
  };

  /** A call with a callback: what the callback threw comes first. */
  template <class Callback, class Call>
  static void run(detail::Guarded<Callback>& guarded, Call&& call) {
    try {
      detail::checked(std::forward<Call>(call));
    } catch (const Error&) {
      if (!guarded.failure) {
        throw;
      }
    }
    if (guarded.failure) {
      std::rethrow_exception(guarded.failure);
    }
  }

  std::unique_ptr<State> state_;
  detail::Owned<burin_engine, burin_engine_free> handle_;
};

}  // namespace burin
