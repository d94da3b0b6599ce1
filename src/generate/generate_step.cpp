#include "generate/generate_step.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/error.h"

namespace burin::generate {
namespace {

constexpr int kClearCacheInterval = 256;

mx::array to_array(std::span<const int32_t> ids) {
  return mx::array(ids.data(), {static_cast<int>(ids.size())}, mx::int32);
}

void eval_states(const nn::CacheList& cache) {
  std::vector<mx::array> states;
  for (const auto& layer : cache) {
    for (mx::array& state : layer->state()) {
      states.push_back(std::move(state));
    }
  }
  mx::eval(std::move(states));
}

}  // namespace

void check_ids(std::span<const int32_t> ids, int vocab_size) {
  if (ids.empty()) {
    throw Error(ErrorCode::InvalidArgument, "generate", "the prompt has no tokens").fact("param", "prompt");
  }
  const auto outside = std::ranges::find_if(ids, [&](int32_t id) { return id < 0 || id >= vocab_size; });
  if (outside != ids.end()) {
    throw Error(ErrorCode::InvalidArgument, "generate",
                fmt::format("token id {} lies outside the vocabulary of {}", *outside, vocab_size))
        .fact("param", "prompt");
  }
}

GenerateStep::GenerateStep(const models::Model& model, Sampler sampler, std::vector<LogitsProcessor> processors,
                           Options options)
    : model_(model),
      sampler_(std::move(sampler)),
      processors_(std::move(processors)),
      options_(std::move(options)),
      cache_(model.make_cache()) {}

bool GenerateStep::cancelled() const {
  return options_.cancel != nullptr && options_.cancel->load(std::memory_order_relaxed);
}

void GenerateStep::remember(const mx::array& ids) {
  if (processors_.empty()) {
    return;
  }
  mx::array all = context_ ? mx::concatenate({*context_, ids}, 0) : ids;
  const int extra = options_.context_needed == 0 ? 0 : std::max(0, all.shape(0) - options_.context_needed);
  context_ = extra == 0 ? all : mx::slice(all, {extra}, {all.shape(0)});
}

bool GenerateStep::prefill(std::span<const int32_t> prompt_ids) {
  const auto report = [&](int done) {
    if (options_.on_prefill) {
      options_.on_prefill(done, prompt_tokens_);
    }
  };
  prompt_tokens_ = static_cast<int>(prompt_ids.size());
  const int before_last = prompt_tokens_ - 1;
  report(0);
  for (int done = 0; done < before_last;) {
    if (cancelled()) {
      return false;
    }
    const int count = std::min(options_.prefill_step_size, before_last - done);
    const mx::array ids = to_array(prompt_ids.subspan(done, count));
    model_.last_logits(mx::expand_dims(ids, 0), cache_);
    eval_states(cache_);
    remember(ids);
    done += count;
    report(done);
    mx::clear_cache();
  }
  input_ = to_array(prompt_ids.last(1));
  return !cancelled();
}

mx::array GenerateStep::processed(mx::array logits) {
  for (const LogitsProcessor& processor : processors_) {
    logits = processor(*context_, logits);
  }
  return logits;
}

GenerateStep::Pending GenerateStep::start(const mx::array& input) {
  const mx::array raw = model_.last_logits(mx::expand_dims(input, 0), cache_);
  remember(input);
  const mx::array logits = processed(raw);
  const mx::array logprobs = logits - mx::logsumexp(logits, -1, true);
  const mx::array id = mx::astype(sampler_(logprobs), mx::int32);
  const mx::array logprob = mx::astype(mx::take_along_axis(logprobs, mx::expand_dims(id, -1), -1), mx::float32);
  mx::async_eval(id, logprob);
  return {.id = id, .logprob = logprob};
}

Step GenerateStep::next(bool look_ahead) {
  Pending now = ahead_ ? *std::exchange(ahead_, std::nullopt) : start(*input_);
  input_ = now.id;
  if (look_ahead) {
    ahead_ = start(now.id);
  }
  const Step step{.id = now.id.item<int32_t>(), .logprob = now.logprob.item<float>()};
  if (std::isnan(step.logprob)) {
    throw Error(ErrorCode::Corrupt, "generate", "the model's logits are not numbers")
        .hint("its weights are damaged or do not fit its config.json");
  }
  if (steps_ == 0 && options_.on_prefill) {
    options_.on_prefill(prompt_tokens_, prompt_tokens_);
  }
  if (steps_ % kClearCacheInterval == 0) {
    mx::clear_cache();
  }
  ++steps_;
  return step;
}

}  // namespace burin::generate
