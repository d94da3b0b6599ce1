// A byte-level tokenizer of the 256 bytes, a few longer tokens and two ends, for tests of grammars.
#pragma once

#include <string>

#include "folder.h"

namespace burin::text {

/** The character that stands for `byte` in byte-level vocabularies. */
inline std::string byte_character(int byte) {
  const auto printable = [](int b) { return (b >= 0x21 && b <= 0x7e) || (b >= 0xa1 && b <= 0xac) || b >= 0xae; };
  int code = byte;
  if (!printable(byte)) {
    code = 0x100;
    for (int before = 0; before < byte; ++before) {
      code += printable(before) ? 0 : 1;
    }
  }
  std::string text;
  if (code < 0x80) {
    text += static_cast<char>(code);
  } else {
    text += static_cast<char>(0xc0 | (code >> 6));
    text += static_cast<char>(0x80 | (code & 0x3f));
  }
  return text;
}

/** Ids 0 to 255 are the bytes, then "ab", `{"`, `":`, <|end|> and <|stop|>. */
inline Json byte_level() {
  Json vocab = Json::object();
  for (int byte = 0; byte < 256; ++byte) {
    vocab[byte_character(byte)] = byte;
  }
  vocab["ab"] = 256;
  vocab["{\""] = 257;
  vocab["\":"] = 258;
  const auto special = [](int id, const char* content) {
    return Json{{"id", id},        {"content", content},  {"single_word", false}, {"lstrip", false},
                {"rstrip", false}, {"normalized", false}, {"special", true}};
  };
  const Json level{{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", false}};
  return Json{
      {"version", "1.0"},
      {"added_tokens", Json::array({special(259, "<|end|>"), special(260, "<|stop|>")})},
      {"normalizer", nullptr},
      {"pre_tokenizer", level},
      {"post_processor", nullptr},
      {"decoder", level},
      {"model",
       {{"type", "BPE"},
        {"vocab", vocab},
        {"merges", Json::array({Json::array({"a", "b"}), Json::array({"{", "\""}), Json::array({"\"", ":"})})}}}};
}

constexpr int32_t kEnd = 259;
constexpr int32_t kStop = 260;
constexpr int kByteLevelSize = 261;

}  // namespace burin::text
