// The state behind a Tokenizer, shared with the detokenizer. Used by this folder only.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "text/bridge/bridge.h"
#include "text/tokenizer.h"

namespace burin::text {

struct TokenizerDeleter {
  void operator()(burin_tokenizer* tokenizer) const { burin_tokenizer_free(tokenizer); }
};

struct Tokenizer::State {
  std::unique_ptr<burin_tokenizer, TokenizerDeleter> handle;
  int32_t vocab_size = 0;
  std::optional<int32_t> bos_token_id;
  std::optional<int32_t> eos_token_id;
  std::map<std::string, std::string> special_tokens;
  bool has_thinking = false;

  // Made when the first grammar needs it.
  mutable std::mutex vocabulary_mutex;
  mutable std::vector<int32_t> vocabulary_ends;
  mutable std::shared_ptr<const burin_vocabulary> vocabulary;
};

}  // namespace burin::text
