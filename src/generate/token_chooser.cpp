#include "generate/token_chooser.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "ops/sampling.h"

namespace burin::generate {

Step Pending::wait() {
  const Step step{.id = id.item<int32_t>(), .logprob = logprob.item<float>()};
  if (std::isnan(step.logprob)) {
    throw Error(ErrorCode::Corrupt, "generate", "the model's logits are not numbers")
        .hint("its weights are damaged or do not fit its config.json");
  }
  return step;
}

void TokenChooser::remember_prompt(std::span<const int32_t> ids) {
  if (const auto known = known_part(ids); known.size() > 1) {
    remember(to_array(known.first(known.size() - 1)));
  }
}

void TokenChooser::remember(const mx::array& ids) {
  if (options_.processors.empty()) {
    return;
  }
  const mx::array all = context_ ? mx::concatenate({*context_, ids}, 0) : ids;
  const int extra = options_.context_needed == 0 ? 0 : std::max(0, all.shape(0) - options_.context_needed);
  context_ = extra == 0 ? all : mx::slice(all, {extra}, {all.shape(0)});
}

Pending TokenChooser::choose(const mx::array& logits, int left) const {
  if (is_constrained()) {
    mx::async_eval(logits);
  }
  mx::array processed = logits;
  for (const LogitsProcessor& processor : options_.processors) {
    processed = processor(*context_, processed);
  }
  if (is_constrained()) {
    processed = options_.constraint->apply(processed, left);
  }
  const mx::array logprobs = ops::log_softmax(processed);
  const mx::array id = mx::astype(options_.sampler(logprobs), mx::int32);
  const mx::array logprob = mx::astype(mx::take_along_axis(logprobs, mx::expand_dims(id, -1), -1), mx::float32);
  mx::async_eval(id, logprob);
  return {.id = id, .logprobs = logprobs, .logprob = logprob};
}

std::optional<Step> TokenChooser::forced() const {
  const auto id = is_constrained() ? options_.constraint->take_forced() : std::nullopt;
  return id ? std::optional(Step{.id = *id, .completes = options_.constraint->is_finished()}) : std::nullopt;
}

Step TokenChooser::settle(Pending& pending, int left) const {
  Step step = pending.wait();
  if (!is_constrained()) {
    return step;
  }
  if (const int32_t id = options_.constraint->settle(step.id, left); id != step.id) {
    step = {.id = id, .logprob = mx::astype(mx::take(pending.logprobs, mx::array(id), -1), mx::float32).item<float>()};
  }
  options_.constraint->consume(step.id);
  step.completes = options_.constraint->is_finished();
  return step;
}

}  // namespace burin::generate
