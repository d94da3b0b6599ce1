#include "text/tokenizer.h"

#include <unistd.h>

#include <thread>

#include <gmock/gmock.h>

#include "base/error.h"
#include "folder.h"

namespace burin::text {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

ErrorCode code_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), testing::Not(HasSubstr("/tmp")));
    return error.code();
  }
  ADD_FAILURE() << "nothing was thrown";
  return ErrorCode::Internal;
}

TEST(Tokenizer, ReadsTheFileAlone) {
  Folder folder;
  folder.add("tokenizer.json", small_bpe());
  const Tokenizer tokenizer = Tokenizer::load_file_only(folder.path());
  EXPECT_THAT(tokenizer.encode("ab", false), ElementsAre(3, 6));
  EXPECT_THAT(tokenizer.encode("hi</s>hi", false), ElementsAre(3, 7, 8, 2, 3, 7, 8));
  EXPECT_EQ(tokenizer.decode(std::vector<int32_t>{3, 6, 2}, false), "ab</s>");
  EXPECT_EQ(tokenizer.decode(std::vector<int32_t>{3, 6, 2}, true), "ab");
  EXPECT_EQ(tokenizer.token_to_id("ab"), 6);
  EXPECT_EQ(tokenizer.id_to_token(6), "ab");
  EXPECT_EQ(tokenizer.token_to_id("nothing"), std::nullopt);
  EXPECT_EQ(tokenizer.id_to_token(-1), std::nullopt);
  EXPECT_EQ(tokenizer.vocab_size(), 267);
  EXPECT_TRUE(tokenizer.special_tokens().empty());
  EXPECT_EQ(tokenizer.eos_token_id(), std::nullopt);
}

TEST(Tokenizer, KnowsTheNamedTokensOfTheFolder) {
  Folder folder;
  folder.add("tokenizer.json", small_bpe());
  folder.add("tokenizer_config.json",
             Json{{"bos_token", "<s>"}, {"eos_token", {{"content", "</s>"}}}, {"pad_token", nullptr}});
  const Tokenizer tokenizer = Tokenizer::load(folder.path());
  EXPECT_EQ(tokenizer.bos_token_id(), 1);
  EXPECT_EQ(tokenizer.eos_token_id(), 2);
  EXPECT_EQ(tokenizer.special_tokens().at("eos_token"), "</s>");
  EXPECT_FALSE(tokenizer.special_tokens().contains("pad_token"));
  EXPECT_TRUE(tokenizer.has_thinking());
}

TEST(Tokenizer, AddsTokensTheFileLacks) {
  Folder folder;
  folder.add("tokenizer.json", small_bpe());
  const Json decoder{{"300", {{"content", "<|x|>"}, {"special", true}}}};
  folder.add("tokenizer_config.json", Json{{"added_tokens_decoder", decoder}, {"eos_token", "<|end|>"}});
  const Tokenizer tokenizer = Tokenizer::load(folder.path());
  EXPECT_EQ(tokenizer.token_to_id("<|x|>"), 267);
  EXPECT_EQ(tokenizer.eos_token_id(), 268);
  EXPECT_THAT(tokenizer.encode("<|end|>", false), ElementsAre(268));
}

TEST(Tokenizer, RebuildsTheLlamaPipeline) {
  Folder folder;
  folder.add("tokenizer.json", small_bpe());
  folder.add("config.json", Json{{"model_type", "llama"}});
  folder.add("tokenizer_config.json", Json{{"tokenizer_class", "LlamaTokenizer"}, {"legacy", false}});
  EXPECT_THAT(Tokenizer::load(folder.path()).encode("hi</s>hi", false), ElementsAre(3, 7, 8, 2, 7, 8));
  folder.add("tokenizer_config.json", Json{{"tokenizer_class", "LlamaTokenizer"}, {"legacy", true}});
  EXPECT_THAT(Tokenizer::load(folder.path()).encode("hi</s>hi", false), ElementsAre(3, 7, 8, 2, 3, 7, 8));
}

TEST(Tokenizer, RefusesBadIdsAndBadText) {
  Folder folder;
  folder.add("tokenizer.json", small_bpe());
  const Tokenizer tokenizer = Tokenizer::load_file_only(folder.path());
  for (const int32_t id : {-1, 267, INT32_MAX, INT32_MIN}) {
    const std::vector<int32_t> ids{id};
    EXPECT_EQ(code_of([&] { tokenizer.decode(ids, false); }), ErrorCode::InvalidArgument);
  }
  EXPECT_EQ(code_of([&] { tokenizer.encode("\xff\xfe", false); }), ErrorCode::InvalidArgument);
  EXPECT_EQ(code_of([&] { tokenizer.encode(std::string((8 << 20) + 1, 'a'), false); }), ErrorCode::ResourceExhausted);
}

TEST(Tokenizer, NamesWhatIsWrongWithAFile) {
  Folder folder;
  EXPECT_EQ(code_of([&] { Tokenizer::load(folder.path()); }), ErrorCode::NotFound);
  const auto refused = [&](const std::string& content) {
    folder.add("tokenizer.json", content);
    return code_of([&] { Tokenizer::load(folder.path()); });
  };
  for (const char* content : {"", "{", "[]", "null", "{\"model\":{}}", "{\"model\":{\"type\":\"BPE\"}}", "\xff"}) {
    EXPECT_EQ(refused(content), ErrorCode::Corrupt) << content;
  }
  EXPECT_EQ(refused(std::string(100'000, '[')), ErrorCode::Corrupt);
}

TEST(Tokenizer, RefusesHostileParts) {
  Folder folder;
  const auto refused = [&](const char* pointer, const Json& value) {
    Json file = small_bpe();
    file[Json::json_pointer(pointer)] = value;
    folder.add("tokenizer.json", file);
    return code_of([&] { Tokenizer::load_file_only(folder.path()); });
  };
  EXPECT_EQ(refused("/version", "9"), ErrorCode::Corrupt);
  EXPECT_EQ(refused("/model/type", "Surprise"), ErrorCode::Corrupt);
  EXPECT_EQ(refused("/model/vocab/a", 4294967295), ErrorCode::Corrupt);
  EXPECT_EQ(refused("/model/vocab/a", -4), ErrorCode::Corrupt);
  EXPECT_EQ(refused("/model/merges", Json::array({"a zz"})), ErrorCode::Corrupt);
  EXPECT_EQ(refused("/model/merges", Json::array({"abc"})), ErrorCode::Corrupt);
  EXPECT_EQ(refused("/model/continuing_subword_prefix", std::string(50, 'x')), ErrorCode::Corrupt);
  EXPECT_EQ(refused("/model/dropout", 7), ErrorCode::Corrupt);
  EXPECT_EQ(refused("/normalizer", {{"type", "Precompiled"}, {"precompiled_charsmap", "AAAA"}}), ErrorCode::Corrupt);
  EXPECT_EQ(refused("/pre_tokenizer",
                    {{"type", "Split"}, {"pattern", {{"Regex", "(("}}}, {"behavior", "Isolated"}, {"invert", false}}),
            ErrorCode::Corrupt);
  EXPECT_EQ(refused("/decoder", {{"type", "Sequence"}}), ErrorCode::Corrupt);
}

TEST(Tokenizer, StaysLinearOnOneCharacterClass) {
  Folder folder;
  folder.add("tokenizer.json", small_bpe());
  const Tokenizer tokenizer = Tokenizer::load_file_only(folder.path());
  for (const char* unit : {"a", " ", "\n", "7", ".", "é", "漢"}) {
    std::string text;
    while (text.size() < (1 << 20)) {
      text += unit;
    }
    const double started = processor_seconds();
    EXPECT_FALSE(tokenizer.encode(text, false).empty());
    EXPECT_LT(processor_seconds() - started, 5.0 * kSlowdown) << unit;
  }
}

TEST(Tokenizer, ServesSeveralThreadsAtOnce) {
  Folder folder;
  folder.add("tokenizer.json", small_bpe());
  const Tokenizer tokenizer = Tokenizer::load_file_only(folder.path());
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&tokenizer] {
      for (int n = 0; n < 200; ++n) {
        EXPECT_EQ(tokenizer.decode(tokenizer.encode("ab hi é", true), true), "ab hi é");
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
}

}  // namespace
}  // namespace burin::text
