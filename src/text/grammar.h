// Grammars that an answer must follow: JSON schema, any JSON object, regular expression, Lark. Compiled once by the
// crate llguidance, then asked token by token what may come next. The token loop (generate/constraint.h) masks by it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "text/generation.h"
#include "text/tokenizer.h"

struct burin_grammar;
struct burin_matcher;
struct burin_vocabulary;

namespace burin::text {

/** The tokens of a tokenizer as bytes; made once for a tokenizer and a set of tokens that end an answer. */
class GrammarVocabulary {
 public:
  /** Throws: Unsupported for a tokenizer whose tokens have no text of their own. Threads: any. */
  static GrammarVocabulary of(const Tokenizer& tokenizer, std::vector<int32_t> ends);

 private:
  friend class Grammar;
  explicit GrammarVocabulary(std::shared_ptr<const burin_vocabulary> handle) : handle_(std::move(handle)) {}
  std::shared_ptr<const burin_vocabulary> handle_;
};

/** A compiled grammar; copies share it. Threads: const functions may be called from several threads at once. */
class Grammar {
 public:
  /**
   * Every error has the fact "param" and, for a schema, names the place in it by JSON pointer.
   * Throws: InvalidArgument (no such grammar; nothing satisfies it), Unsupported (a part that would not be enforced),
   * ResourceExhausted (1 MiB, depth 64, 10,000 values; too complex), all within a second.
   */
  static Grammar compile(const GrammarVocabulary& vocabulary, const GrammarSource& source);

 private:
  friend class GrammarMatcher;
  explicit Grammar(std::shared_ptr<const burin_grammar> handle) : handle_(std::move(handle)) {}
  std::shared_ptr<const burin_grammar> handle_;
};

/** How far one answer has come in its grammar. After an error every call throws that error again. */
class GrammarMatcher {
 public:
  explicit GrammarMatcher(const Grammar& grammar);

  /**
   * Sets bit `i % 32` of `words[i / 32]` for each token `i` that may come next, all others to 0. A token that ends an
   * answer is among them exactly when the text so far is complete, or is so by that token, which the grammar names.
   * Throws: ResourceExhausted when the grammar became too complex, Unsupported when no token fits.
   */
  void mask(std::span<uint32_t> words);
  /** Throws: InvalidArgument for a token that the mask does not allow. */
  void consume(int32_t id);
  /** An end of at most `most` tokens, behind the token `first` if one is given; `known` was one without it. */
  struct WantedEnd {
    std::optional<int32_t> first;
    std::span<const int32_t> known;
    bool only_known = false;  // no other is looked for
    int most = 0;
  };
  /**
   * Tokens that complete an answer in JSON: not the fewest, but few, and those of `known` where they still do. None
   * where no such end is known, where `first` may not come, and for patterns and Lark grammars.
   */
  std::optional<std::vector<int32_t>> closing(const WantedEnd& wanted);
  /** Tokens that must come next, in this order, as far as that is known now; often none. */
  std::vector<int32_t> forced();

  /** The text so far is complete. */
  bool is_accepting();
  /** The text so far is complete and nothing can follow. */
  bool is_stopped();

 private:
  struct Deleter {
    void operator()(burin_matcher* matcher) const;
  };
  struct State {
    bool accepting = false;
    bool stopped = false;
  };
  State state();

  Grammar grammar_;
  std::unique_ptr<burin_matcher, Deleter> handle_;
};

}  // namespace burin::text
