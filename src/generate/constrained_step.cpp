#include "generate/constrained_step.h"

#include <utility>

namespace burin::generate {

void ConstrainedStep::advance(int left) {
  Pending pending = chooser_.choose(logits_ ? *std::exchange(logits_, std::nullopt) : run(to_array(waiting())), left);
  Step newest = chooser_.settle(pending, left);
  take(newest);
  for (--left; left > 0 && !newest.completes; --left) {
    const auto forced = take_forced();
    if (!forced) {
      logits_ = run(to_array(waiting()));
      mx::async_eval(*logits_);
      break;
    }
    newest = *forced;
  }
}

}  // namespace burin::generate
