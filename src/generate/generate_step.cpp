#include "generate/generate_step.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "base/error.h"

namespace burin::generate {
namespace {

/** Memory that MLX holds back is given up now and then. */
void clear_cache_at(int step) {
  constexpr int kInterval = 256;
  if (step % kInterval == 0) {
    mx::clear_cache();
  }
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

bool TokenSource::prefill(std::span<const int32_t> prompt_ids, const PrefillOptions& options) {
  ids_.assign(prompt_ids.begin(), prompt_ids.end());
  chooser_.remember_prompt(prompt_ids);
  return sequence_.prefill(prompt_ids, options);
}

void TokenSource::take(const Step& step) {
  ids_.push_back(step.id);
  ready_.push_back(step);
}

mx::array TokenSource::run(const mx::array& ids) {
  mx::array logits = sequence_.last_logits(ids);
  chooser_.remember(ids);
  return logits;
}

/** The memory of a long forced part stays bounded; where it would matter, tokens are run one by one. */
void TokenSource::run_long_part() {
  constexpr size_t kMostAtOnce = 512;
  if (waiting().size() >= kMostAtOnce || sequence_.depends_on_cuts()) {
    mx::eval(run(to_array(waiting())));
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
    clear_cache_at(calls_++);
  }
  const Step step = ready_.front();
  ready_.pop_front();
  return step;
}

void GenerateStep::advance(int left) {
  Pending now = ahead_ ? *std::exchange(ahead_, std::nullopt) : chooser_.choose(run(to_array(waiting())), left);
  if (left > 1) {
    ahead_ = chooser_.choose(run(now.id), left - 1);
  }
  take(chooser_.settle(now, left));
}

}  // namespace burin::generate
