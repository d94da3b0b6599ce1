// A tokenizer whose tokens are the 256 bytes, written `<0xNN>`, and one that ends an answer.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>

#include <fmt/format.h>
#include <unistd.h>

#include "base/json.h"
#include "text/tokenizer.h"

namespace fuzz {

constexpr int32_t kEnd = 256;
constexpr int32_t kVocabularySize = 257;

inline burin::text::Tokenizer bytes_tokenizer() {
  burin::Json vocab = burin::Json::object();
  for (int byte = 0; byte < 256; ++byte) {
    vocab[fmt::format("<0x{:02X}>", byte)] = byte;
  }
  const burin::Json end{{"id", kEnd},      {"content", "<end>"},  {"single_word", false}, {"lstrip", false},
                        {"rstrip", false}, {"normalized", false}, {"special", true}};
  const burin::Json file{
      {"version", "1.0"},
      {"added_tokens", burin::Json::array({end})},
      {"decoder", {{"type", "ByteFallback"}}},
      {"model", {{"type", "BPE"}, {"byte_fallback", true}, {"vocab", vocab}, {"merges", burin::Json::array()}}}};
  const auto folder = std::filesystem::temp_directory_path() / fmt::format("burin-fuzz-{}", ::getpid());
  std::filesystem::create_directories(folder);
  std::ofstream(folder / "tokenizer.json") << file.dump();
  auto tokenizer = burin::text::Tokenizer::load_file_only(folder);
  std::filesystem::remove_all(folder);
  return tokenizer;
}

}  // namespace fuzz
