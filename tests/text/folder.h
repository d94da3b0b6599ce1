// A model folder written for one test and removed after it, with small tokenizers to put into it.
#pragma once

#include <unistd.h>

#include <cstdio>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include <gtest/gtest.h>

#include "base/json.h"

namespace burin::text {

/** Processor seconds of this process so far: what a time limit is checked with, since other programs do not count. */
inline double processor_seconds() {
  return static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
}

/** Sanitizers slow every allocation down and shadow it; limits of time and memory are widened by these under them. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr double kSlowdown = 20.0;
constexpr int64_t kShadow = 4;
#else
constexpr double kSlowdown = 1.0;
constexpr int64_t kShadow = 1;
#endif

class Folder {
 public:
  Folder() {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    path_ = std::filesystem::temp_directory_path() /
            (std::string("burin-") + test->test_suite_name() + "-" + test->name() + "-" + std::to_string(getpid()));
    std::filesystem::create_directories(path_);
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  Folder& add(const std::string& name, const std::string& content) {
    std::filesystem::create_directories((path_ / name).parent_path());
    std::ofstream(path_ / name, std::ios::binary) << content;
    return *this;
  }
  Folder& add(const std::string& name, const Json& content) { return add(name, content.dump()); }

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/** A BPE of single characters, `ab`, `<unk>`, all byte tokens and the special tokens <s> and </s>. */
inline Json small_bpe() {
  Json vocab = Json::object();
  const auto add = [&vocab](const std::string& token) { vocab[token] = vocab.size(); };
  for (const char* token : {"<unk>", "<s>", "</s>", "▁", "a", "b", "ab", "h", "i", "<think>", "</think>"}) {
    add(token);
  }
  for (int byte = 0; byte < 256; ++byte) {
    char token[8];
    std::snprintf(token, sizeof token, "<0x%02X>", byte);
    add(token);
  }
  const auto special = [&vocab](const char* token) {
    return Json{{"id", vocab[token]}, {"content", token},    {"single_word", false}, {"lstrip", false},
                {"rstrip", false},    {"normalized", false}, {"special", true}};
  };
  const Json to_underline{{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", "▁"}};
  const Json to_space{{"type", "Replace"}, {"pattern", {{"String", "▁"}}}, {"content", " "}};
  return Json{{"version", "1.0"},
              {"added_tokens", Json::array({special("<unk>"), special("<s>"), special("</s>")})},
              {"normalizer",
               {{"type", "Sequence"},
                {"normalizers", Json::array({Json{{"type", "Prepend"}, {"prepend", "▁"}}, to_underline})}}},
              {"pre_tokenizer", nullptr},
              {"post_processor", nullptr},
              {"decoder",
               {{"type", "Sequence"},
                {"decoders", Json::array({to_space, Json{{"type", "ByteFallback"}}, Json{{"type", "Fuse"}},
                                          Json{{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}}})}}},
              {"model",
               {{"type", "BPE"},
                {"unk_token", "<unk>"},
                {"fuse_unk", true},
                {"byte_fallback", true},
                {"vocab", vocab},
                {"merges", Json::array({"a b"})}}}};
}

}  // namespace burin::text
