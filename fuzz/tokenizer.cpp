// Any files of a model folder must give a tokenizer or an error, any text ids or an error, and a stream's pieces joined
// must be what decoding all ids at once gives. Parts of the input are separated by a line of `=`: tokenizer.json,
// tokenizer_config.json, special_tokens_map.json, added_tokens.json, config.json, and a text.
#include <array>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "text/bridge/bridge.h"

namespace {

burin_text as_text(std::string_view text) {
  return {.data = reinterpret_cast<const uint8_t*>(text.data()), .size = text.size()};
}

/** The result of a call as text; aborts on an internal error. */
std::string take(int32_t status, burin_buffer& buffer, bool& ok) {
  std::string text(reinterpret_cast<const char*>(buffer.data), buffer.size);
  burin_buffer_free(buffer);
  buffer = {};
  if (status == BURIN_BRIDGE_INTERNAL) {
    std::abort();
  }
  ok = status == BURIN_BRIDGE_OK;
  return text;
}

std::array<std::string_view, 6> split(std::string_view input) {
  std::array<std::string_view, 6> parts;
  for (std::string_view& part : parts) {
    const size_t end = input.find("\n=\n");
    part = input.substr(0, end);
    input = end == std::string_view::npos ? std::string_view() : input.substr(end + 3);
  }
  return parts;
}

std::string streamed(const burin_tokenizer* tokenizer, const std::vector<int32_t>& ids, bool& ok) {
  burin_stream* stream = nullptr;
  burin_buffer out{};
  take(burin_stream_new(tokenizer, &stream, &out), out, ok);
  std::string text;
  for (size_t i = 0; ok && i < ids.size(); ++i) {
    text += take(burin_stream_add(stream, tokenizer, ids[i], &out), out, ok);
  }
  if (ok) {
    text += take(burin_stream_finish(stream, tokenizer, &out), out, ok);
  }
  burin_stream_free(stream);
  return text;
}

void use(const burin_tokenizer* tokenizer, std::string_view text) {
  bool ok = false;
  burin_buffer out{};
  take(burin_tokenizer_describe(tokenizer, &out), out, ok);
  const std::string bytes = take(burin_tokenizer_encode(tokenizer, as_text(text), true, &out), out, ok);
  if (!ok) {
    return;
  }
  std::vector<int32_t> ids(bytes.size() / sizeof(int32_t));
  if (!ids.empty()) {
    std::memcpy(ids.data(), bytes.data(), bytes.size());
  }
  const std::string whole = take(burin_tokenizer_decode(tokenizer, ids.data(), ids.size(), false, &out), out, ok);
  if (!ok) {
    return;
  }
  const std::string pieces = streamed(tokenizer, ids, ok);
  if (ok && pieces != whole) {
    std::abort();
  }
  // Half of the time would go into the constraint library's own fixed work.
  if (text.size() % 8 != 0) {
    return;
  }
  burin_vocabulary* vocabulary = nullptr;
  take(burin_vocabulary_new(tokenizer, nullptr, 0, &vocabulary, &out), out, ok);
  burin_vocabulary_free(vocabulary);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto parts = split({reinterpret_cast<const char*>(data), size});
  const burin_folder_files files{.tokenizer = as_text(parts[0]),
                                 .tokenizer_config = as_text(parts[1]),
                                 .special_tokens_map = as_text(parts[2]),
                                 .added_tokens = as_text(parts[3]),
                                 .config = as_text(parts[4])};
  burin_tokenizer* tokenizer = nullptr;
  burin_buffer out{};
  bool ok = false;
  take(burin_tokenizer_load_folder(&files, &tokenizer, &out), out, ok);
  if (ok) {
    use(tokenizer, parts[5]);
  }
  burin_tokenizer_free(tokenizer);
  return 0;
}
