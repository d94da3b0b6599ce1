// Text of a token sequence while it grows. The joined pieces equal Tokenizer::decode of all ids, special tokens
// included; a piece never ends inside a character.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "text/tokenizer.h"

struct burin_stream;

namespace burin::text {

/**
 * Decodes one id at a time; each costs the same however long the text is. Text that later ids may change is held
 * back: started characters, runs of byte tokens, and everything for decoders that need the end (CTC, BPEDecoder, a
 * tokenizer that removes spaces before punctuation).
 * Threads: one at a time.
 */
class StreamingDetokenizer {
 public:
  explicit StreamingDetokenizer(const Tokenizer& tokenizer);
  ~StreamingDetokenizer();
  StreamingDetokenizer(StreamingDetokenizer&& other) noexcept;
  StreamingDetokenizer& operator=(StreamingDetokenizer&& other) noexcept;

  /** The text that became certain with `id`, perhaps none. Throws: InvalidArgument for an id out of range. */
  std::string add(int32_t id);

  /** The text still held back. Afterwards nothing is to be added. */
  std::string finish();

 private:
  struct StreamDeleter {
    void operator()(burin_stream* stream) const;
  };

  std::shared_ptr<const Tokenizer::State> tokenizer_;
  std::unique_ptr<burin_stream, StreamDeleter> stream_;
};

}  // namespace burin::text
