#include "text/grammar.h"

#include <algorithm>
#include <cstring>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "text/bridge_call.h"
#include "text/tokenizer_state.h"

namespace burin::text {

namespace {

using Kind = GrammarSource::Kind;

static_assert(static_cast<int>(Kind::JsonSchema) == BURIN_GRAMMAR_JSON_SCHEMA);
static_assert(static_cast<int>(Kind::Json) == BURIN_GRAMMAR_JSON);
static_assert(static_cast<int>(Kind::Regex) == BURIN_GRAMMAR_REGEX);
static_assert(static_cast<int>(Kind::Lark) == BURIN_GRAMMAR_LARK);

std::string_view name_of(Kind kind) {
  switch (kind) {
    case Kind::Regex:
      return "regex";
    case Kind::Lark:
      return "grammar";
    default:
      return "schema";
  }
}

std::vector<int32_t> ids_of(std::string_view bytes) {
  std::vector<int32_t> ids(bytes.size() / sizeof(int32_t));
  if (!ids.empty()) {
    std::memcpy(ids.data(), bytes.data(), bytes.size());
  }
  return ids;
}

}  // namespace

GrammarVocabulary GrammarVocabulary::of(const Tokenizer& tokenizer, std::vector<int32_t> ends) {
  const Tokenizer::State& state = *tokenizer.state_;
  std::erase_if(ends, [](int32_t id) { return id < 0; });
  std::ranges::sort(ends);
  const std::lock_guard lock(state.vocabulary_mutex);
  if (state.vocabulary == nullptr || state.vocabulary_ends != ends) {
    burin_vocabulary* handle = nullptr;
    BridgeBuffer buffer;
    const int32_t status = burin_vocabulary_new(state.handle.get(), ends.data(), ends.size(), &handle, buffer.out());
    check_bridge(status, buffer, "grammar");
    state.vocabulary = std::shared_ptr<const burin_vocabulary>(
        handle, [](const burin_vocabulary* made) { burin_vocabulary_free(const_cast<burin_vocabulary*>(made)); });
    state.vocabulary_ends = std::move(ends);
  }
  return GrammarVocabulary(state.vocabulary);
}

Grammar Grammar::compile(const GrammarVocabulary& vocabulary, const GrammarSource& source) {
  burin_grammar* handle = nullptr;
  BridgeBuffer buffer;
  const int32_t status = burin_grammar_new(vocabulary.handle_.get(), static_cast<int32_t>(source.kind),
                                           as_text(source.text), &handle, buffer.out());
  try {
    check_bridge(status, buffer, name_of(source.kind));
  } catch (Error& e) {
    e.fact("param", "format");
    throw;
  }
  return Grammar(std::shared_ptr<const burin_grammar>(
      handle, [](const burin_grammar* made) { burin_grammar_free(const_cast<burin_grammar*>(made)); }));
}

void GrammarMatcher::Deleter::operator()(burin_matcher* matcher) const {
  burin_matcher_free(matcher);
}

GrammarMatcher::GrammarMatcher(const Grammar& grammar) : grammar_(grammar) {
  burin_matcher* handle = nullptr;
  BridgeBuffer buffer;
  check_bridge(burin_matcher_new(grammar_.handle_.get(), &handle, buffer.out()), buffer, "grammar");
  handle_.reset(handle);
}

void GrammarMatcher::mask(std::span<uint32_t> words) {
  BridgeBuffer buffer;
  check_bridge(burin_matcher_mask(handle_.get(), words.data(), words.size(), buffer.out()), buffer, "grammar");
}

void GrammarMatcher::consume(int32_t id) {
  BridgeBuffer buffer;
  check_bridge(burin_matcher_consume(handle_.get(), id, buffer.out()), buffer, "grammar");
}

std::optional<std::vector<int32_t>> GrammarMatcher::closing(const WantedEnd& wanted) {
  BridgeBuffer buffer;
  bool found = false;
  const burin_wanted_end given{.known = wanted.known.data(),
                               .count = wanted.known.size(),
                               .most = static_cast<size_t>(std::max(wanted.most, 0)),
                               .first = wanted.first.value_or(-1),
                               .only_known = wanted.only_known};
  check_bridge(burin_matcher_closing(handle_.get(), &given, &found, buffer.out()), buffer, "grammar");
  return found ? std::optional(ids_of(buffer.text())) : std::nullopt;
}

std::vector<int32_t> GrammarMatcher::forced() {
  BridgeBuffer buffer;
  check_bridge(burin_matcher_forced(handle_.get(), buffer.out()), buffer, "grammar");
  return ids_of(buffer.text());
}

GrammarMatcher::State GrammarMatcher::state() {
  State state;
  BridgeBuffer buffer;
  check_bridge(burin_matcher_state(handle_.get(), &state.accepting, &state.stopped, buffer.out()), buffer, "grammar");
  return state;
}

bool GrammarMatcher::is_accepting() {
  return state().accepting;
}

bool GrammarMatcher::is_stopped() {
  return state().stopped;
}

}  // namespace burin::text
