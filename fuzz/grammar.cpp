// Any schema, pattern or Lark grammar must be refused or give masks that are kept: what a mask allows is taken, what it
// forbids is not, what is forced is allowed, and an end that is promised is one, also token by token. The first byte of
// the input chooses the kind (all are BURIN_FUZZ_KIND, 0 to 3, where that is set: a Lark grammar takes ten times as
// long as a schema), the last ones choose the tokens.
#include "text/grammar.h"

#include <cstdlib>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "bytes_tokenizer.h"

namespace {

using namespace burin::text;

constexpr int kSteps = 12;
constexpr int kLongestEnd = 12;
using Mask = std::vector<uint32_t>;

bool has(const Mask& mask, int32_t id) {
  return ((mask[static_cast<size_t>(id) / 32] >> (id % 32)) & 1U) != 0;
}

/** The first allowed token from `start` on, or -1. */
int32_t pick(const Mask& mask, int32_t start) {
  for (int32_t i = 0; i < fuzz::kVocabularySize; ++i) {
    const int32_t id = (start + i) % fuzz::kVocabularySize;
    if (has(mask, id)) {
      return id;
    }
  }
  return -1;
}

Mask mask_of(GrammarMatcher& matcher) {
  Mask mask((fuzz::kVocabularySize + 31) / 32);
  matcher.mask(mask);
  return mask;
}

/** Of a matcher behind `taken`, which is left as it was. */
void check_end(const Grammar& grammar, GrammarMatcher& matcher, const std::vector<int32_t>& taken) {
  const auto end = matcher.closing({.most = kLongestEnd});
  if (!end) {
    return;
  }
  GrammarMatcher other(grammar);
  for (const int32_t id : taken) {
    other.consume(id);
  }
  for (size_t i = 0; i < end->size(); ++i) {
    const auto rest = std::span(*end).subspan(i);
    const auto kept = other.closing({.first = rest.front(), .known = rest, .most = static_cast<int>(rest.size()) - 1});
    if (!kept) {
      std::abort();
    }
    other.consume(rest.front());
  }
  if (!other.is_accepting()) {
    std::abort();
  }
}

void walk(const Grammar& grammar, std::string_view choices) {
  GrammarMatcher matcher(grammar);
  std::vector<int32_t> taken;
  for (int step = 0; step < kSteps && !matcher.is_stopped(); ++step) {
    const std::vector<int32_t> forced = matcher.forced();
    const Mask mask = mask_of(matcher);
    const auto choice = static_cast<unsigned char>(choices[choices.size() - 1 - step % choices.size()]);
    const int32_t id = pick(mask, choice);
    if (id < 0 || (!forced.empty() && !has(mask, forced.front()))) {
      std::abort();
    }
    matcher.consume(id);
    taken.push_back(id);
    if (id == fuzz::kEnd) {
      if (!matcher.is_stopped() && !matcher.is_accepting()) {
        std::abort();
      }
      return;
    }
    if (step == 3) {
      check_end(grammar, matcher, taken);
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) {
    return 0;
  }
  static const Tokenizer tokenizer = fuzz::bytes_tokenizer();
  static const GrammarVocabulary vocabulary = GrammarVocabulary::of(tokenizer, {fuzz::kEnd});
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  static const char* const only = std::getenv("BURIN_FUZZ_KIND");
  const auto kind =
      static_cast<GrammarSource::Kind>((only == nullptr ? data[0] : static_cast<uint8_t>(*only - '0')) % 4);
  try {
    walk(Grammar::compile(vocabulary, {.kind = kind, .text = std::string(input.substr(1))}), input);
  } catch (const burin::Error& e) {
    if (e.code() == burin::ErrorCode::Internal) {
      std::abort();
    }
  }
  return 0;
}
