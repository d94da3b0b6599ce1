#include "backends/measure.h"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <random>

#include "base/error.h"
#include "generate/sequence.h"
#include "ops/runtime.h"

namespace burin::backends {
namespace {

namespace mx = mlx::core;
using Clock = std::chrono::steady_clock;

constexpr int kMaxBatch = 4096;

void check(const engine::MeasureRequest& request, int context_size) {
  const int64_t total = int64_t{request.depth} + request.prompt_tokens + request.gen_tokens;
  if (request.depth < 0 || request.prompt_tokens < 0 || request.gen_tokens < 0 || request.batch < 1 ||
      request.batch > kMaxBatch || request.prefill_step_size < 1) {
    throw Error(ErrorCode::InvalidArgument, "bench", "counts must not be negative, batch and step size not be 0");
  }
  if (context_size > 0 && total > context_size) {
    throw Error(ErrorCode::InvalidArgument, "bench",
                fmt::format("{} tokens are more than the model's context of {}", total, context_size));
  }
}

/** Shapes: (batch, count). */
mx::array random_ids(int batch, int count, int vocab_size) {
  std::minstd_rand random(7);
  std::vector<int32_t> ids(static_cast<size_t>(batch) * count);
  std::ranges::generate(ids, [&] { return static_cast<int32_t>(random() % static_cast<unsigned>(vocab_size)); });
  return mx::array(ids.data(), {batch, count}, mx::int32);
}

class Run {
 public:
  Run(const models::Model& model, const engine::MeasureRequest& request)
      : model_(model),
        request_(request),
        options_(generate::cache_options(request.cache_params)),
        caches_(model.make_cache(options_)) {}

  /** Feeds random tokens in chunks; returns seconds. */
  double prefill(int count) {
    const mx::array ids = random_ids(request_.batch, std::max(count, 1), model_.facts().vocab_size);
    const Clock::time_point start = Clock::now();
    for (int done = 0; done < count;) {
      const int chunk = std::min(request_.prefill_step_size, count - done);
      mx::array logits = step(mx::slice(ids, {0, done}, {request_.batch, done + chunk}));
      logits.eval();
      done += chunk;
    }
    return seconds_since(start);
  }

  /** Generates greedily, one step ahead as generation does; returns seconds. */
  double decode(int count) {
    mx::array input = random_ids(request_.batch, 1, model_.facts().vocab_size);
    const Clock::time_point start = Clock::now();
    for (int i = 0; i < count; ++i) {
      const mx::array id = mx::argmax(step(input), -1);
      const mx::array next = mx::expand_dims(mx::astype(id, mx::int32), 1);
      mx::async_eval(next);
      input.eval();
      input = next;
    }
    input.eval();
    return seconds_since(start);
  }

 private:
  static double seconds_since(Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
  }

  mx::array step(const mx::array& ids) {
    mx::array logits = model_.last_logits(ids, caches_);
    if (options_.quantization) {
      nn::quantize_caches(caches_, *options_.quantization);
    }
    return logits;
  }

  const models::Model& model_;
  const engine::MeasureRequest& request_;
  nn::CacheOptions options_;
  nn::CacheList caches_;
  ops::QueueGuard queued_;
};

}  // namespace

engine::Measurement measure(const models::Model& model, const engine::MeasureRequest& request) {
  check(request, model.facts().context_size);
  Run run(model, request);
  engine::Measurement result;
  run.prefill(request.depth);
  result.prompt_seconds = run.prefill(request.prompt_tokens);
  result.gen_seconds = run.decode(request.gen_tokens);
  mx::clear_cache();
  return result;
}

}  // namespace burin::backends
