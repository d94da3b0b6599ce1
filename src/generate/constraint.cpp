#include "generate/constraint.h"

#include <algorithm>
#include <limits>

#include "base/error.h"
#include "ops/sampling.h"

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
      end_id_(ends.empty() ? -1 : *ends.begin()),
      vocab_size_(vocab_size),
      words_((static_cast<size_t>(vocab_size) + 31) / 32) {}

/**
 * Looks for an end. With more tokens to spare than one should make necessary (a long end is one of large parts, and a
 * token may begin another), the next search waits until half of the rest are gone; where there is no end, until a
 * quarter of all is: a search goes through as many tokens as are left.
 */
void Constraint::look_ahead(int left) {
  if (!end_ && left > next_look_) {
    return;
  }
  if (!end_) {
    end_ = matcher_.closing({.most = left});
  }
  const int length = end_ ? static_cast<int>(end_->size()) : 0;
  const int unguarded = end_ ? left - length - (32 + length / 2) : left / 2;
  if (unguarded > 0) {
    next_look_ = left - std::max(1, unguarded / 2);
    end_.reset();
  }
}

int32_t Constraint::settle(int32_t id, int left) {
  if (!end_) {
    return id;
  }
  if (!end_->empty() && end_->front() == id) {
    return follow_end();
  }
  // An end that was begun leaves no room: hardly a token has a shorter one than what is left of it.
  if (auto end = matcher_.closing({.first = id, .known = *end_, .only_known = closed_, .most = left - 1})) {
    end_ = std::move(end);
    return id;
  }
  if (end_->empty() && end_id_ < 0) {
    return id;
  }
  closed_ = true;
  return follow_end();
}

/** The next token of the end, which is then behind it; at the end a token that ends the answer. */
int32_t Constraint::follow_end() {
  if (end_->empty()) {
    return end_id_;
  }
  const int32_t id = end_->front();
  end_->erase(end_->begin());
  return id;
}

mx::array Constraint::apply(const mx::array& logits, int left) {
  look_ahead(left);
  matcher_.mask(words_);
  words_.back() &= ~uint32_t{0} >> (words_.size() * 32 - static_cast<size_t>(vocab_size_));
  if (std::ranges::all_of(words_, [](uint32_t word) { return word == 0; })) {
    throw Error(ErrorCode::Unsupported, "generate", "the model has no token for what the grammar needs next")
        .fact("param", "format");
  }
  return ops::keep_allowed(logits, mx::array(words_.data(), {1, static_cast<int>(words_.size())}, mx::uint32));
}

void Constraint::consume(int32_t id) {
  matcher_.consume(id);
  forced_.reset();
}

std::optional<int32_t> Constraint::take_forced() {
  if (!forced_) {
    const std::vector<int32_t> ids = matcher_.forced();
    const auto end = std::ranges::find_if(ids, [this](int32_t id) { return id >= vocab_size_; });
    forced_.emplace(ids.begin(), end);
  }
  if (forced_->empty()) {
    return std::nullopt;
  }
  const int32_t id = forced_->front();
  forced_->pop_front();
  matcher_.consume(id);
  if (end_ && !end_->empty() && end_->front() == id) {
    follow_end();
  } else {
    end_.reset();
    next_look_ = std::numeric_limits<int>::max();
  }
  return id;
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
