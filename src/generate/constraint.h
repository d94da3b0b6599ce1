// A grammar in the token loop: before sampling, tokens that the grammar does not allow get no probability. The mask is
// computed while the model's forward pass runs (generate_step.cpp), so it costs time only where it takes longer.
#pragma once

#include <cstdint>
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

  /** `logits` with -inf for what may not come next. Shapes: logits (1, V) -> (1, V). Throws: as GrammarMatcher::mask.
   */
  mx::array apply(const mx::array& logits);
  /** Moves on by the token that was sampled. */
  void consume(int32_t id);
  /** The text is complete and nothing can follow: there is no token left to ask the model for. */
  bool is_finished() { return matcher_.is_stopped(); }

 private:
  text::GrammarMatcher matcher_;
  int vocab_size_;
  std::vector<uint32_t> words_;
};

/** None without a grammar in the request. Throws: InvalidArgument (fact "param") when there is no tokenizer. */
std::optional<Constraint> make_constraint(const text::GenerateRequest& request, const text::Tokenizer* tokenizer,
                                          const std::set<int32_t>& ends, int vocab_size);

}  // namespace burin::generate
