#include "text/streaming_detokenizer.h"

#include <unistd.h>

#include <chrono>
#include <random>

#include <gmock/gmock.h>

#include "base/error.h"
#include "folder.h"

namespace burin::text {
namespace {

Json byte_level_tokenizer() {
  Json file = small_bpe();
  Json vocab = Json::object();
  for (const char* token : {"a", "Ġ", "ðŁĺ", "Ģ", "Ã", "©", "âĢ", "<|end|>", "漢", "Ċ"}) {
    vocab[token] = vocab.size();
  }
  file["added_tokens"] = Json::array();
  file["normalizer"] = nullptr;
  file["model"] = {{"type", "BPE"}, {"vocab", vocab}, {"merges", Json::array()}};
  file["decoder"] = {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", true}};
  return file;
}

bool is_whole(std::string_view text) {
  return burin::dump_json(burin::Json(std::string(text))).find("\xEF\xBF\xBD") == std::string::npos ||
         text.find("\xEF\xBF\xBD") != std::string_view::npos;
}

/** Random sequences: joined pieces equal the text of all ids, and every piece is whole characters. */
void expect_streams_equal(const Tokenizer& tokenizer, unsigned seed) {
  std::mt19937 random(seed);
  std::uniform_int_distribution<int32_t> any(0, tokenizer.vocab_size() - 1);
  for (int round = 0; round < 2000; ++round) {
    std::vector<int32_t> ids(random() % 12);
    StreamingDetokenizer stream(tokenizer);
    std::string joined;
    for (int32_t& id : ids) {
      id = any(random);
      const std::string piece = stream.add(id);
      EXPECT_TRUE(is_whole(piece));
      joined += piece;
    }
    joined += stream.finish();
    ASSERT_EQ(joined, tokenizer.decode(ids, false)) << testing::PrintToString(ids);
  }
}

Json decoder_of_every_kind(int kind) {
  const Json metaspace{{"type", "Metaspace"}, {"replacement", "▁"}, {"prepend_scheme", "always"}, {"split", true}};
  switch (kind) {
    case 0:
      return small_bpe()["decoder"];
    case 1:
      return metaspace;
    case 2:
      return Json{{"type", "WordPiece"}, {"prefix", "##"}, {"cleanup", true}};
    case 3:
      return Json{{"type", "ByteFallback"}};
    case 4:
      return Json{{"type", "BPEDecoder"}, {"suffix", "b"}};
    case 5:
      return Json{{"type", "CTC"}, {"pad_token", "a"}, {"word_delimiter_token", "b"}, {"cleanup", true}};
    default:
      return nullptr;
  }
}

TEST(StreamingDetokenizer, EqualsDecodeForEveryDecoder) {
  for (int kind = 0; kind < 7; ++kind) {
    Folder folder;
    Json file = small_bpe();
    file["decoder"] = decoder_of_every_kind(kind);
    folder.add("tokenizer.json", file);
    expect_streams_equal(Tokenizer::load_file_only(folder.path()), static_cast<unsigned>(kind));
  }
}

TEST(StreamingDetokenizer, EqualsDecodeForBytes) {
  Folder folder;
  folder.add("tokenizer.json", byte_level_tokenizer());
  expect_streams_equal(Tokenizer::load_file_only(folder.path()), 7);
}

TEST(StreamingDetokenizer, EqualsDecodeWhenSpacesAreCleaned) {
  Folder folder;
  Json file = small_bpe();
  file["model"] = {{"type", "WordLevel"}, {"unk_token", "a"}, {"vocab", {{"a", 0}, {".", 1}, {"n't", 2}, {"'", 3}}}};
  file["added_tokens"] = Json::array();
  file["decoder"] = nullptr;
  folder.add("tokenizer.json", file);
  folder.add("tokenizer_config.json", Json{{"clean_up_tokenization_spaces", true}});
  const Tokenizer tokenizer = Tokenizer::load(folder.path());
  EXPECT_EQ(tokenizer.decode(std::vector<int32_t>{0, 1, 0, 2}, false), "a. an't");
  expect_streams_equal(tokenizer, 8);
}

TEST(StreamingDetokenizer, HoldsAStartedCharacterBack) {
  Folder folder;
  folder.add("tokenizer.json", byte_level_tokenizer());
  StreamingDetokenizer stream(Tokenizer::load_file_only(folder.path()));
  EXPECT_EQ(stream.add(2), "");
  EXPECT_EQ(stream.add(3), "😀");
  EXPECT_EQ(stream.add(4), "");
  EXPECT_EQ(stream.finish(), "\xEF\xBF\xBD");
}

TEST(StreamingDetokenizer, RefusesIdsOutOfRange) {
  Folder folder;
  folder.add("tokenizer.json", small_bpe());
  StreamingDetokenizer stream(Tokenizer::load_file_only(folder.path()));
  EXPECT_THROW(stream.add(-1), Error);
  EXPECT_THROW(stream.add(1 << 30), Error);
}

TEST(StreamingDetokenizer, CostsTheSamePerTokenHoweverLong) {
  Folder folder;
  folder.add("tokenizer.json", small_bpe());
  StreamingDetokenizer stream(Tokenizer::load_file_only(folder.path()));
  const auto started = std::chrono::steady_clock::now();
  for (int i = 0; i < 200'000; ++i) {
    stream.add(i % 267);
  }
  EXPECT_LT(std::chrono::steady_clock::now() - started, std::chrono::seconds(10));
}

}  // namespace
}  // namespace burin::text
