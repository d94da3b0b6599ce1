#include "generate/constraint.h"

#include <limits>

#include "base/error.h"

namespace burin::generate {
namespace {

text::GrammarMatcher make_matcher(const text::Tokenizer& tokenizer, const text::GrammarSource& source,
                                  const std::set<int32_t>& ends) {
  const auto vocabulary = text::GrammarVocabulary::of(tokenizer, {ends.begin(), ends.end()});
  return text::GrammarMatcher(text::Grammar::compile(vocabulary, source));
}

}  // namespace

Constraint::Constraint(const text::Tokenizer& tokenizer, const text::GrammarSource& source,
                       const std::set<int32_t>& ends, int vocab_size)
    : matcher_(make_matcher(tokenizer, source, ends)),
      vocab_size_(vocab_size),
      words_((static_cast<size_t>(vocab_size) + 31) / 32) {}

mx::array Constraint::apply(const mx::array& logits) {
  matcher_.mask(words_);
  std::vector<uint8_t> allowed(words_.size() * 32);
  bool any = false;
  for (size_t i = 0; i < allowed.size(); ++i) {
    allowed[i] = (words_[i / 32] >> (i % 32)) & 1U;
    any = any || (allowed[i] != 0 && i < static_cast<size_t>(vocab_size_));
  }
  if (!any) {
    throw Error(ErrorCode::Unsupported, "generate", "the model has no token for what the grammar needs next")
        .fact("param", "format");
  }
  const mx::array mask(allowed.begin(), mx::Shape{1, vocab_size_}, mx::bool_);
  return mx::where(mask, logits, scalar_like(-std::numeric_limits<double>::infinity(), logits));
}

void Constraint::consume(int32_t id) {
  matcher_.consume(id);
}

std::optional<Constraint> make_constraint(const text::GenerateRequest& request, const text::Tokenizer* tokenizer,
                                          const std::set<int32_t>& ends, int vocab_size) {
  if (!request.grammar) {
    return std::nullopt;
  }
  if (tokenizer == nullptr) {
    throw Error(ErrorCode::InvalidArgument, "generate", "a grammar needs the tokenizer, which was not loaded")
        .fact("param", "format");
  }
  return Constraint(*tokenizer, *request.grammar, ends, vocab_size);
}

}  // namespace burin::generate
