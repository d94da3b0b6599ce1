#include "generate/generate_step.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "base/error.h"

namespace burin::generate {

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

void clear_cache_at(int step) {
  constexpr int kInterval = 256;
  if (step % kInterval == 0) {
    mx::clear_cache();
  }
}

bool TokenSource::prefill(std::span<const int32_t> prompt_ids, const PrefillOptions& options) {
  ids_.assign(prompt_ids.begin(), prompt_ids.end());
  chooser_.remember_prompt(prompt_ids);
  return sequence_.prefill(prompt_ids, options);
}

void TokenSource::take(const Step& step) {
  ids_.push_back(step.id);
  ready_.push_back(step);
}

/** The memory of a long forced part stays bounded; where it would matter, tokens are run one by one. */
void TokenSource::run_long_part() {
  constexpr size_t kMostAtOnce = 512;
  if (waiting().size() >= kMostAtOnce || sequence_.depends_on_cuts()) {
    const mx::array input = to_array(waiting());
    mx::eval(sequence_.last_logits(input));
    chooser_.remember(input);
  }
}

std::optional<Step> TokenSource::take_forced() {
  const auto forced = chooser_.forced();
  if (forced) {
    run_long_part();
    take(*forced);
  }
  return forced;
}

Step TokenSource::next(int left) {
  if (ready_.empty() && !take_forced()) {
    advance(left);
  }
  const Step step = ready_.front();
  ready_.pop_front();
  return step;
}

Pending GenerateStep::start(const mx::array& input, int left) {
  const mx::array logits = sequence_.last_logits(input);
  chooser_.remember(input);
  return chooser_.choose(logits, left);
}

void GenerateStep::advance(int left) {
  Pending now = ahead_ ? *std::exchange(ahead_, std::nullopt) : start(to_array(waiting()), left);
  if (left > 1) {
    ahead_ = start(now.id, left - 1);
  }
  take(chooser_.settle(now, left));
  clear_cache_at(steps_++);
}

}  // namespace burin::generate
