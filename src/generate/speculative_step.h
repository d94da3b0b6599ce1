// Speculative decoding: the model checks several guessed tokens in one call and keeps those it would have chosen.
// Every token is chosen from the model's own logits by the request's own sampler, in order, so the answer and its
// random draws are those of plain decoding; a guess only decides how many tokens one call yields. Source: the token
// matching of mlx-lm 0.32.2 generate.py, speculative_generate_step.
#pragma once

#include "generate/drafter.h"
#include "generate/generate_step.h"

namespace burin::generate {

class SpeculativeStep : public TokenSource {
 public:
  SpeculativeStep(Sequence& sequence, TokenChooser chooser, std::unique_ptr<Drafter> drafter, int num_draft_tokens)
      : TokenSource(sequence, std::move(chooser)),
        drafter_(std::move(drafter)),
        most_(num_draft_tokens),
        count_(num_draft_tokens) {}

  int draft_tokens() const override { return draft_tokens_; }
  int accepted_tokens() const override { return accepted_tokens_; }

 private:
  void advance(int left) override;
  /** Guesses that can be checked now: none where the sequence could not take a wrong one back. */
  std::vector<int32_t> drafts(int left);
  mx::array run_with(const std::vector<int32_t>& guesses);
  Step choose(const mx::array& logits, int left);

  std::unique_ptr<Drafter> drafter_;
  int most_;
  int count_;  // tokens to guess next: more after right guesses, fewer after wrong ones
  int draft_tokens_ = 0;
  int accepted_tokens_ = 0;
};

}  // namespace burin::generate
