// One model in a process that calls it from any thread: the backend on its own thread, requests in the order in which
// they come, a bound on how many wait, metrics, health, retries and recovery. The library and its C border stand on it.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "engine/backend.h"
#include "engine/generation.h"
#include "engine/health.h"
#include "engine/model_thread.h"
#include "engine/prompt.h"
#include "engine/recovery.h"

namespace burin::engine {

struct RunnerOptions {
  std::function<std::unique_ptr<Backend>()> make_backend;  // called on the model thread
  int max_waiting = 8;                                     // requests beside the one that runs
  std::function<TimePoint()> now = std::chrono::steady_clock::now;
};

/** A model, and what its runner remembers. */
struct ModelOptions {
  LoadOptions load;
  CacheParams cache;  // of every sequence
  /** The newest sequence stays: a request that begins as it did computes only what is new. */
  bool keeps_sequence = true;
};

/** Of the last generation, then of all since the runner was made. */
struct Metrics {
  double model_load_ms = 0.0;
  double last_generation_ms = 0.0;  // from its turn to its last token
  double first_token_ms = 0.0;
  double prompt_tokens_per_s = 0.0;
  double tokens_per_s = 0.0;
  uint64_t prompt_tokens = 0;
  uint64_t tokens_generated = 0;
  uint64_t kv_bytes = 0;  // what its keys and values took
  uint64_t weight_bytes = 0;
  uint64_t total_prompt_tokens = 0;
  uint64_t total_tokens_generated = 0;
  uint64_t completed = 0;
  uint64_t cancelled = 0;
  uint64_t failed = 0;
  uint64_t retries = 0;
  uint64_t recoveries = 0;
};

/**
 * Threads: every member from any thread. `load`, `unload` and `attempt_recovery` exclude each other, cancel what runs
 * and waits, and refuse new requests (Busy) meanwhile.
 */
class ModelRunner {
 public:
  explicit ModelRunner(RunnerOptions options);
  /** Cancels what runs and waits; generations handed out stay readable. */
  ~ModelRunner();

  /** Called on the thread that loads, with the newest fraction; false cancels. */
  using Progress = std::function<bool(double fraction)>;

  /**
   * Replaces the model. A first step of one token proves the new one and is kept for attempt_recovery.
   * Throws: as Backend::load and Backend::make_prompt_cache; Cancelled; Internal when the model computes no finite
   * numbers.
   */
  void load(ModelOptions options, const Progress& on_progress);
  /** Frees the model; without one it does nothing. */
  void unload();
  bool is_loaded() const;
  /** Throws: InvalidArgument without a model. */
  ModelFacts facts() const;

  /** Throws: InvalidArgument without a model; Busy. What is wrong with the request itself comes from the generation. */
  std::shared_ptr<Generation> start(Prompt prompt, GenerateRequest request);
  /** Starts anew, after a pause, while failures are transient. Throws: as Generation::result, start, with_retries. */
  std::shared_ptr<Generation> generate_with_retry(const Prompt& prompt, const GenerateRequest& request,
                                                  const RetryPolicy& policy);
  /** Ends what loads, runs, waits, or waits for a retry. */
  void cancel();

  /** Forgets the kept sequence and gives memory back, after the requests before it. Throws: as with_backend. */
  void give_back_memory();

  /** Run `use` on the model thread, after the requests before it. Throws: InvalidArgument without a model. */
  void with_backend(const std::function<void(Backend&)>& use);

  /**
   * Loads the same model anew, within three times its load time, and compares its first step with the one kept.
   * Throws: InvalidArgument when nothing was loaded; Busy after too many failures (fact "retry_after_s");
   * whatever made it fail. The engine is then unhealthy.
   */
  void attempt_recovery();

  Metrics metrics() const;
  HealthSnapshot health() const;

 private:
  class Exclusive;

  struct Loaded {
    ModelOptions options;
    std::vector<float> first_step;  // empty: the backend gives no logits
    ModelFacts facts;
    TimePoint::duration took{0};
  };

  void load_on_thread(const ModelOptions& options, std::optional<TimePoint> deadline, const Progress& on_progress,
                      Loaded* loaded);
  void publish(const Loaded& loaded);
  void free_on_thread();
  void run(Generation& generation, const Prompt& prompt, GenerateRequest request);
  void settle(Generation* generation, const GenerateResult* result, const Error* failure, TimePoint began);
  bool sleep(std::chrono::milliseconds duration);
  Error not_loaded() const;
  TimePoint now() const { return options_.now(); }

  RunnerOptions options_;
  std::mutex control_;  // held by load, unload, attempt_recovery
  std::atomic<std::thread::id> control_owner_{};
  std::atomic<bool> cancel_load_{false};

  mutable std::mutex mutex_;  // what follows
  std::condition_variable cancelled_;
  uint64_t cancels_ = 0;
  bool closed_ = false;
  std::vector<std::shared_ptr<Generation>> active_;
  std::optional<ModelFacts> facts_;
  std::optional<Loaded> last_;
  Metrics metrics_;
  HealthMonitor health_;
  CircuitBreaker breaker_;

  // The model thread's own:
  std::unique_ptr<Backend> backend_;
  std::unique_ptr<PromptCache> sequence_;  // the newest one; null where none is kept
  CacheParams cache_params_;
  ModelThread thread_;  // last: it ends first
};

}  // namespace burin::engine
