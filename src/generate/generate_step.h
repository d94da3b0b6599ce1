// The loop below the text: one token after another, as mlx-lm's generate_step does it.
// Source: mlx-lm 0.32.2 generate.py.
#pragma once

#include <deque>
#include <optional>
#include <span>
#include <vector>

#include "generate/sequence.h"
#include "generate/token_chooser.h"

namespace burin::generate {

/** Throws: InvalidArgument when a list of ids is empty or an id lies outside the vocabulary. */
void check_ids(std::span<const int32_t> ids, int vocab_size);

/** The tokens of one answer, one after another, on one sequence. Processors see the prompt and every token. */
class TokenSource {
 public:
  TokenSource(Sequence& sequence, TokenChooser chooser) : sequence_(sequence), chooser_(std::move(chooser)) {}
  virtual ~TokenSource() = default;
  TokenSource(const TokenSource&) = delete;
  TokenSource& operator=(const TokenSource&) = delete;
  /** Runs the prompt up to its last token, which is left for the first `next()`. False when cancelled on the way. */
  bool prefill(std::span<const int32_t> prompt_ids, const PrefillOptions& options);
  /**
   * The next token of at most `left`, this one included. What a grammar forces comes without the model, which runs it
   * together with the token behind which a choice is left. Throws: Corrupt when the logits are NaN.
   */
  Step next(int left);
  /** Tells the sequence which tokens it holds: for whoever continues it. */
  void finish() { sequence_.set_tokens(ids_); }
  /** Tokens that were guessed, and those of them that were right. */
  virtual int draft_tokens() const { return 0; }
  virtual int accepted_tokens() const { return 0; }

 protected:
  /** One call of the model: chooses at least one token more. */
  virtual void advance(int left) = 0;
  void take(const Step& step);
  /** Runs tokens (N), which the processors know from then on. Shapes: -> the logits behind the last one (1, V). */
  mx::array run(const mx::array& ids);
  /** The token that a grammar forces, if one is. */
  std::optional<Step> take_forced();
  /** What the model has not run yet: the newest token, and forced ones before it. */
  std::span<const int32_t> waiting() const { return std::span(ids_).subspan(static_cast<size_t>(sequence_.size())); }

  Sequence& sequence_;
  TokenChooser chooser_;
  std::vector<int32_t> ids_;  // prompt and answer

 private:
  void run_long_part();

  std::deque<Step> ready_;  // chosen, not yet asked for
  int calls_ = 0;           // of advance()
};

/** One token for each call of the model, without a grammar. */
class GenerateStep : public TokenSource {
 public:
  using TokenSource::TokenSource;

 private:
  /**
   * Where more are left, the step after this one is queued before this one is read, so that its graph is built while
   * this one still runs: wasted only when the caller stops here.
   */
  void advance(int left) override;

  std::optional<Pending> ahead_;  // the next step, when it was queued already
};

}  // namespace burin::generate
