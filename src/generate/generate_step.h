// The loop below the text: one token after another, as mlx-lm's generate_step does it.
// Source: mlx-lm 0.32.2 generate.py.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "generate/sequence.h"
#include "generate/token_chooser.h"

namespace burin::generate {

/** Throws: InvalidArgument when a list of ids is empty or an id lies outside the vocabulary. */
void check_ids(std::span<const int32_t> ids, int vocab_size);

/** The tokens of one answer, one after another. */
class TokenSource {
 public:
  virtual ~TokenSource() = default;
  /** Runs the prompt up to its last token, which is left for the first `next()`. False when cancelled on the way. */
  virtual bool prefill(std::span<const int32_t> prompt_ids, const PrefillOptions& options) = 0;
  /** The next token of at most `left`, this one included. Throws: Corrupt when the logits are NaN. */
  virtual Step next(int left) = 0;
  /** Tells the sequence which tokens it holds: for whoever continues it. */
  virtual void finish() = 0;
  /** Tokens that were guessed, and those of them that were right. */
  virtual int draft_tokens() const { return 0; }
  virtual int accepted_tokens() const { return 0; }
};

/** One sequence on one model. Processors see the prompt and every generated token. */
class GenerateStep : public TokenSource {
 public:
  GenerateStep(Sequence& sequence, TokenChooser chooser) : sequence_(sequence), chooser_(std::move(chooser)) {}

  bool prefill(std::span<const int32_t> prompt_ids, const PrefillOptions& options) override;
  /**
   * Where more are left, the step after this one is queued before this one is read, so that its graph is built while
   * this one still runs: wasted only when the caller stops here.
   */
  Step next(int left) override;
  void finish() override { sequence_.set_tokens(ids_); }

 private:
  Pending start(const mx::array& input, int left);

  Sequence& sequence_;
  TokenChooser chooser_;
  std::vector<int32_t> ids_;      // prompt and answer
  std::optional<Pending> ahead_;  // the next step, when it was queued already
  int steps_ = 0;
};

/** Memory that MLX holds back is given up now and then. */
void clear_cache_at(int step);

}  // namespace burin::generate
