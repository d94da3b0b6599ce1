// One sequence under a grammar: nothing can be chosen ahead, since a mask needs the token before it, but what is sure
// is run ahead: the token that was chosen and those that the grammar forces behind it.
#pragma once

#include <optional>

#include "generate/generate_step.h"

namespace burin::generate {

class ConstrainedStep : public TokenSource {
 public:
  using TokenSource::TokenSource;

 private:
  /** The model is asked for what follows before the caller handles these tokens: wasted only when it stops here. */
  void advance(int left) override;

  std::optional<mx::array> logits_;  // behind all tokens, when they were asked for already
};

}  // namespace burin::generate
