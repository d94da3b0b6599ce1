#include "engine/model_runner.h"

#include <algorithm>
#include <random>
#include <utility>

#include <fmt/format.h>

#include "engine/first_step.h"

namespace burin::engine {
namespace {

using std::chrono::milliseconds;

double ms(TimePoint::duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

/** The newest fraction of a load, from the model thread to the one that waits. */
class ProgressRelay {
 public:
  void report(double fraction) {
    const std::scoped_lock lock(mutex_);
    newest_ = fraction;
    changed_.notify_one();
  }
  void end() {
    const std::scoped_lock lock(mutex_);
    ended_ = true;
    changed_.notify_one();
  }
  /** None at the end. */
  std::optional<double> next() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return ended_ || newest_; });
    return std::exchange(newest_, std::nullopt);
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<double> newest_;
  bool ended_ = false;
};

double chance() {
  thread_local std::minstd_rand generator(std::random_device{}());
  return std::uniform_real_distribution<double>(0.0, 1.0)(generator);
}

}  // namespace

/** The right to load or free the model; while it lives, new requests are refused and the old ones are cancelled. */
class ModelRunner::Exclusive {
 public:
  explicit Exclusive(ModelRunner& runner) : runner_(runner) {
    if (runner.control_owner_ == std::this_thread::get_id()) {
      throw Error(ErrorCode::InvalidArgument, "engine", "called from its own progress callback");
    }
    lock_ = std::unique_lock(runner.control_);
    runner.control_owner_ = std::this_thread::get_id();
    runner.cancel_load_ = false;
    const std::scoped_lock lock(runner.mutex_);
    runner.closed_ = true;
    for (const auto& generation : runner.active_) {
      generation->cancel();
    }
  }
  ~Exclusive() {
    {
      const std::scoped_lock lock(runner_.mutex_);
      runner_.closed_ = false;
    }
    runner_.control_owner_ = std::thread::id();
  }
  Exclusive(const Exclusive&) = delete;
  Exclusive& operator=(const Exclusive&) = delete;

 private:
  ModelRunner& runner_;
  std::unique_lock<std::mutex> lock_;
};

ModelRunner::ModelRunner(RunnerOptions options) : options_(std::move(options)), health_(options_.now()) {
  if (options_.max_waiting < 0) {
    throw Error(ErrorCode::InvalidArgument, "engine", "max_waiting must not be negative").fact("param", "max_waiting");
  }
}

ModelRunner::~ModelRunner() {
  cancel();
  thread_.post([this] { free_on_thread(); });
}

void ModelRunner::load(ModelOptions options, const Progress& on_progress) {
  const Exclusive exclusive(*this);
  {
    const std::scoped_lock lock(mutex_);
    facts_.reset();
    last_.reset();
  }
  Loaded loaded;
  load_on_thread(options, std::nullopt, on_progress, &loaded);
  loaded.options = std::move(options);
  const std::scoped_lock lock(mutex_);
  publish(loaded);
  last_ = std::move(loaded);
  breaker_.on_success();
  health_.on_load(now());
}

void ModelRunner::load_on_thread(const ModelOptions& options, std::optional<TimePoint> deadline,
                                 const Progress& on_progress, Loaded* loaded) {
  const TimePoint began = now();
  ProgressRelay relay;
  std::unique_ptr<Error> failure;
  const auto check = [&] {
    if (cancel_load_) {
      throw Error(ErrorCode::Cancelled, "load", "loading was cancelled");
    }
    if (deadline && now() > *deadline) {
      throw Error(ErrorCode::Internal, "recovery", "loading took more than three times as long as the first time");
    }
  };
  thread_.post([&] {
    failure = failure_of([&] {
      free_on_thread();
      backend_ = options_.make_backend();
      LoadOptions observed = options.load;
      observed.on_progress = [&](double fraction) {
        check();
        relay.report(fraction);
      };
      backend_->load(observed);
      loaded->first_step = first_step(*backend_, options.load);
      require_numbers(loaded->first_step);
      loaded->facts = backend_->facts();
      cache_params_ = options.cache;
      sequence_ = backend_->make_prompt_cache(cache_params_);  // one is made in any case: it proves the parameters
      if (!options.keeps_sequence) {
        sequence_.reset();
      }
    });
    relay.end();
  });
  while (const std::optional<double> fraction = relay.next()) {
    if (on_progress && !on_progress(*fraction)) {
      cancel_load_ = true;
    }
  }
  if (!failure) {
    failure = failure_of(check);  // a callback may have cancelled after the last step
  }
  if (failure) {
    thread_.run([this] { free_on_thread(); });
    throw Error(*failure);
  }
  loaded->took = now() - began;
}

void ModelRunner::publish(const Loaded& loaded) {
  facts_ = loaded.facts;
  metrics_.model_load_ms = ms(loaded.took);
  metrics_.weight_bytes = loaded.facts.weight_bytes;
}

void ModelRunner::free_on_thread() {
  sequence_.reset();
  backend_.reset();
}

void ModelRunner::give_back_memory() {
  with_backend([this](Backend& backend) {
    if (sequence_ != nullptr) {
      sequence_ = backend.make_prompt_cache(cache_params_);
    }
    backend.give_back_memory();
  });
}

void ModelRunner::unload() {
  const Exclusive exclusive(*this);
  {
    const std::scoped_lock lock(mutex_);
    facts_.reset();
    last_.reset();
    metrics_.weight_bytes = 0;
  }
  thread_.run([this] { free_on_thread(); });
}

bool ModelRunner::is_loaded() const {
  const std::scoped_lock lock(mutex_);
  return facts_.has_value();
}

ModelFacts ModelRunner::facts() const {
  const std::scoped_lock lock(mutex_);
  if (!facts_) {
    throw not_loaded();
  }
  return *facts_;
}

Error ModelRunner::not_loaded() const {
  return Error(ErrorCode::InvalidArgument, "engine", "no model is loaded").hint("call load first");
}

std::shared_ptr<Generation> ModelRunner::start(Prompt prompt, GenerateRequest request) {
  auto generation = std::make_shared<Generation>();
  {
    const std::scoped_lock lock(mutex_);
    if (closed_) {
      throw Error(ErrorCode::Busy, "engine", "the model is being loaded or freed").hint("try again later");
    }
    if (!facts_) {
      throw not_loaded();
    }
    if (active_.size() > static_cast<size_t>(options_.max_waiting)) {
      throw Error(ErrorCode::Busy, "engine", fmt::format("{} requests run or wait already", active_.size()))
          .hint("try again later, or allow more with max_waiting");
    }
    active_.push_back(generation);
  }
  thread_.post([this, generation, prompt = std::move(prompt), request = std::move(request)] {
    run(*generation, prompt, request);
  });
  return generation;
}

void ModelRunner::run(Generation& generation, const Prompt& prompt, GenerateRequest request) {
  const TimePoint began = now();
  GenerateResult result{.finish_reason = FinishReason::Cancelled};
  std::unique_ptr<Error> failure = failure_of([&] {
    if (generation.cancel_flag()) {
      return;
    }
    request.prompt_ids = encode_prompt(*backend_, prompt);
    request.cancel = &generation.cancel_flag();
    request.cache = sequence_.get();
    request.cache_params = cache_params_;
    result = backend_->generate(request, [&](const TokenEvent& event) {
      generation.push(event);
      return true;
    });
  });
  settle(&generation, failure ? nullptr : &result, failure.get(), began);
  if (failure) {
    generation.fail(std::move(failure));
  } else {
    generation.finish(std::move(result));
  }
}

/** Metrics and health know of the end, and its place is free, before the caller does. */
void ModelRunner::settle(Generation* generation, const GenerateResult* result, const Error* failure, TimePoint began) {
  const std::scoped_lock lock(mutex_);
  std::erase_if(active_, [&](const auto& one) { return one.get() == generation; });
  metrics_.last_generation_ms = ms(now() - began);
  if (failure != nullptr) {
    ++metrics_.failed;
    health_.on_failure(*failure, now());
    return;
  }
  metrics_.first_token_ms = result->first_token_ms;
  metrics_.prompt_tokens_per_s = result->prompt_tokens_per_s;
  metrics_.tokens_per_s = result->predicted_tokens_per_s;
  metrics_.prompt_tokens = static_cast<uint64_t>(result->prompt_tokens);
  metrics_.tokens_generated = result->tokens.size();
  metrics_.total_prompt_tokens += metrics_.prompt_tokens;
  metrics_.total_tokens_generated += metrics_.tokens_generated;
  metrics_.kv_bytes =
      sequence_ ? sequence_->nbytes()
                : (metrics_.prompt_tokens + metrics_.tokens_generated) * (facts_ ? facts_->kv_bytes_per_token : 0);
  if (result->finish_reason == FinishReason::Cancelled) {
    ++metrics_.cancelled;
    return;
  }
  ++metrics_.completed;
  health_.on_success(now());
}

std::shared_ptr<Generation> ModelRunner::generate_with_retry(const Prompt& prompt, const GenerateRequest& request,
                                                             const RetryPolicy& policy) {
  std::shared_ptr<Generation> generation;
  const RetryHost host{.chance = chance,
                       .sleep =
                           [this](milliseconds duration) {
                             {
                               const std::scoped_lock lock(mutex_);
                               ++metrics_.retries;
                             }
                             return sleep(duration);
                           },
                       .on_spent =
                           [this](const Error& error) {
                             const std::scoped_lock lock(mutex_);
                             health_.on_retries_spent(error, now());
                           }};
  with_retries(policy, host, [&] {
    generation = start(prompt, request);
    generation->result();
  });
  return generation;
}

bool ModelRunner::sleep(milliseconds duration) {
  std::unique_lock lock(mutex_);
  const uint64_t before = cancels_;
  return !cancelled_.wait_for(lock, duration, [&] { return cancels_ != before; });
}

void ModelRunner::cancel() {
  cancel_load_ = true;
  const std::scoped_lock lock(mutex_);
  ++cancels_;
  cancelled_.notify_all();
  for (const auto& generation : active_) {
    generation->cancel();
  }
}

void ModelRunner::with_backend(const std::function<void(Backend&)>& use) {
  thread_.run([&] {
    if (backend_ == nullptr) {
      throw not_loaded();
    }
    use(*backend_);
  });
}

Metrics ModelRunner::metrics() const {
  const std::scoped_lock lock(mutex_);
  return metrics_;
}

HealthSnapshot ModelRunner::health() const {
  const std::scoped_lock lock(mutex_);
  return health_.snapshot(now());
}

void ModelRunner::attempt_recovery() {
  const Exclusive exclusive(*this);
  Loaded before;
  {
    const std::scoped_lock lock(mutex_);
    if (!last_) {
      throw not_loaded();
    }
    if (const milliseconds wait = breaker_.closed_for(now()); wait > milliseconds(0)) {
      const auto seconds = std::chrono::ceil<std::chrono::seconds>(wait).count();
      throw Error(ErrorCode::Busy, "recovery", "three recoveries have failed within ten minutes")
          .hint(fmt::format("try again in {} s, or load a model anew", seconds))
          .fact("retry_after_s", std::to_string(seconds));
    }
    before = *last_;
    facts_.reset();
    health_.on_recovery_begin(now());
  }
  Loaded after;
  const std::unique_ptr<Error> failure = failure_of([&] {
    const auto limit = std::max<TimePoint::duration>(3 * before.took, milliseconds(2000));
    load_on_thread(before.options, now() + limit, nullptr, &after);
    require_same(before.first_step, after.first_step);
  });
  if (failure) {
    thread_.run([this] { free_on_thread(); });
  }
  const std::scoped_lock lock(mutex_);
  ++metrics_.recoveries;
  health_.on_recovery_end(failure ? std::optional<Error>(*failure) : std::nullopt, now());
  if (failure) {
    breaker_.on_failure(now());
    throw Error(*failure);
  }
  publish(after);
  breaker_.on_success();
}

}  // namespace burin::engine
