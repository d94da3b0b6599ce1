// A grammar in the token loop: before sampling, tokens that the grammar does not allow get no probability. The mask is
// computed while the model's forward pass runs (generate_step.cpp), so it costs time only where it takes longer.
#pragma once

#include <cstdint>
#include <deque>
#include <limits>
#include <optional>
#include <set>
#include <vector>

#include "ops/array.h"
#include "text/grammar.h"

namespace burin::generate {

/** One answer's way through its grammar. Threads: the thread that loaded the model. */
class Constraint {
 public:
  /** `ends` are the tokens that end an answer. Throws: as text::Grammar::compile. */
  Constraint(const text::Tokenizer& tokenizer, const text::GrammarSource& source, const std::set<int32_t>& ends,
             int vocab_size);

  /**
   * `logits` with -inf for what may not come next, when at most `left` tokens come, this one included.
   * Shapes: logits (1, V) -> (1, V). Throws: as GrammarMatcher::mask.
   */
  mx::array apply(const mx::array& logits, int left);
  /**
   * `id`, or the token that must come in its place so that an answer in JSON is complete before its tokens run out.
   * For the `left` that `apply` was called with.
   */
  int32_t settle(int32_t id, int left);
  /** Moves on by the token that came. */
  void consume(int32_t id);
  /** The token that must come next, where that is known without the model; moves on by it. */
  std::optional<int32_t> take_forced();
  /** The text is complete and nothing can follow: there is no token left to ask the model for. */
  bool is_finished() { return matcher_.is_stopped(); }
  /** A token was replaced: the model would have gone on. */
  bool was_closed() const { return closed_; }

 private:
  void look_ahead(int left);
  int32_t follow_end();

  text::GrammarMatcher matcher_;
  int32_t end_id_;  // a token that ends an answer; -1: none
  int vocab_size_;
  std::vector<uint32_t> words_;
  std::optional<std::vector<int32_t>> end_;  // tokens that would complete the text now, while they are nearly all left
  std::optional<std::deque<int32_t>> forced_;  // tokens that must come next; none: not asked since the last choice
  int next_look_ = std::numeric_limits<int>::max();  // tokens left when the end is to be looked for again
  bool closed_ = false;
};

/** None without a grammar in the request. Throws: InvalidArgument (fact "param") when there is no tokenizer. */
std::optional<Constraint> make_constraint(const text::GenerateRequest& request, const text::Tokenizer* tokenizer,
                                          const std::set<int32_t>& ends, int vocab_size);

}  // namespace burin::generate
