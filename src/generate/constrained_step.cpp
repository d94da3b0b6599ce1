#include "generate/constrained_step.h"

#include <utility>

namespace burin::generate {

mx::array ConstrainedStep::run_waiting() {
  const mx::array input = to_array(waiting());
  mx::array logits = sequence_.last_logits(input);
  chooser_.remember(input);
  return logits;
}

void ConstrainedStep::advance(int left) {
  Pending pending = chooser_.choose(logits_ ? *std::exchange(logits_, std::nullopt) : run_waiting(), left);
  Step newest = chooser_.settle(pending, left);
  take(newest);
  clear_cache_at(steps_++);
  for (--left; left > 0 && !newest.completes; --left) {
    const auto forced = take_forced();
    if (!forced) {
      logits_ = run_waiting();
      mx::async_eval(*logits_);
      break;
    }
    newest = *forced;
  }
}

}  // namespace burin::generate
