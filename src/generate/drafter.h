// Guesses of the next tokens, cheaper than the model's own: by a smaller model, or by what stood after the same words.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "generate/sequence.h"

namespace burin::generate {

class Drafter {
 public:
  virtual ~Drafter() = default;
  /** Up to `count` tokens that may follow `context`; none where there is no good guess. */
  virtual std::vector<int32_t> draft(std::span<const int32_t> context, int count) = 0;
};

/** The likeliest tokens of a smaller model of the same vocabulary. `sequence` is its memory between answers. */
std::unique_ptr<Drafter> make_model_drafter(Sequence& sequence, const PrefillOptions& options);

/** What followed the newest tokens the last time they stood in the context. */
std::unique_ptr<Drafter> make_prompt_lookup_drafter();

}  // namespace burin::generate
