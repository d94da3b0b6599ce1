// From logits to a token: processors, the mask of a grammar, log-probabilities, sampler.
#pragma once

#include <optional>
#include <vector>

#include "generate/constraint.h"
#include "generate/logits_processors.h"
#include "generate/sampler.h"
#include "generate/sequence.h"

namespace burin::generate {

struct Step {
  int32_t id = -1;
  float logprob = 0.0F;    // of the processed logits, before any filter and temperature
  bool completes = false;  // with it a grammar is complete, and nothing can follow
};

/** A step that may still be computed. */
struct Pending {
  mx::array id;        // (1) int32
  mx::array logprobs;  // (1, V)
  mx::array logprob;   // (1, 1) float32

  /** Throws: Corrupt when the logits are NaN. */
  Step wait();
};

/** Draws happen in the order of the calls. */
class TokenChooser {
 public:
  struct Options {
    Sampler sampler;
    std::vector<LogitsProcessor> processors;
    int context_needed = 0;  // newest tokens that the processors look at; 0: all
    Constraint* constraint = nullptr;
  };
  explicit TokenChooser(Options options) : options_(std::move(options)) {}

  /** All but the last of `ids`, which its step will bring. */
  void remember_prompt(std::span<const int32_t> ids);
  /** Tokens (N) that the processors see from now on. */
  void remember(const mx::array& ids);
  /**
   * The next of at most `left` tokens. Shapes: logits (1, V).
   * Its computation is queued; the mask of a grammar is made while the logits are computed.
   */
  Pending choose(const mx::array& logits, int left) const;
  /** Waits for the token, which a grammar may replace to be complete in time, and moves the grammar on by it. */
  Step settle(Pending& pending, int left) const;
  /** The token that a grammar leaves no choice about, which needs no logits; moves the grammar on by it. */
  std::optional<Step> forced() const;
  /** A mask needs the token before it: nothing can be queued ahead. */
  bool is_constrained() const { return options_.constraint != nullptr; }

 private:
  Options options_;
  std::optional<mx::array> context_;
};

}  // namespace burin::generate
