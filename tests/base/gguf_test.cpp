#include "base/gguf.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/error.h"
#include "gguf_builder.h"

namespace burin {
namespace {

namespace fs = std::filesystem;
using testing::GgufBuilder;
using testing::raw;
using testing::text;

class GgufTest : public ::testing::Test {
 protected:
  void TearDown() override { fs::remove(path_); }

  GgufFile read(const std::string& content) {
    std::ofstream(path_, std::ios::binary) << content;
    return GgufFile::read(InputFile(path_));
  }
  void refuses(const std::string& content, ErrorCode code = ErrorCode::Corrupt) {
    try {
      read(content);
      FAIL() << "accepted";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), code) << error.what();
      EXPECT_NE(std::string(error.what()).find(path_.filename().string()), std::string::npos) << error.what();
    }
  }
  static std::string header(uint64_t tensors, uint64_t pairs) {
    return "GGUF" + raw<uint32_t>(3) + raw(tensors) + raw(pairs);
  }

  fs::path path_ = fs::path(::testing::TempDir()) /
                   (std::string(::testing::UnitTest::GetInstance()->current_test_info()->name()) + ".gguf");
};

GgufBuilder small() {
  GgufBuilder builder;
  builder.uint32("n", 7).float32("f", 0.5F).boolean("b", true).string("s", "text").strings("list", {"a", "b"});
  builder.int32s("ints", {-1, 2});
  builder.tensor("one", {2, 32}, 8, std::string(68, '\1')).tensor("two", {3}, 0, std::string(12, '\2'));
  return builder;
}

TEST_F(GgufTest, ReadsMetadataAndTensors) {
  const GgufFile gguf = read(small().bytes());
  EXPECT_EQ(gguf.integer("n", 0, 10), 7);
  EXPECT_EQ(gguf.number("f"), 0.5);
  EXPECT_TRUE(gguf.boolean_or("b", false));
  EXPECT_EQ(gguf.strings("list").at(1), "b");
  EXPECT_EQ(gguf.integers("ints").at(0), -1);
  ASSERT_NE(gguf.find_tensor("one"), nullptr);
  EXPECT_EQ(gguf.find_tensor("one")->shape, (std::vector<int64_t>{2, 32}));
  EXPECT_EQ(gguf.find_tensor("one")->nbytes, 68U);
}

TEST_F(GgufTest, GettersCheckTypeAndRange) {
  const GgufFile gguf = read(small().bytes());
  EXPECT_THROW(gguf.integer("n", 8, 10), Error);
  EXPECT_THROW(gguf.integer("s", 0, 10), Error);
  EXPECT_THROW(gguf.strings("ints"), Error);
  EXPECT_THROW(gguf.number("n"), Error);
  EXPECT_THROW(gguf.string("none"), Error);
}

TEST_F(GgufTest, RefusesAFileCutAnywhere) {
  const std::string whole = small().bytes();
  for (size_t cut = 0; cut + 20 < whole.size(); ++cut) {  // the last 20 bytes are padding
    EXPECT_THROW(read(whole.substr(0, cut)), Error) << cut;
  }
}

TEST_F(GgufTest, SurvivesEveryFlippedByte) {
  const std::string whole = small().bytes();
  for (size_t at = 0; at < whole.size(); ++at) {
    for (const char flip : {'\x01', '\x80', '\xff'}) {
      std::string bad = whole;
      bad[at] = static_cast<char>(bad[at] ^ flip);
      try {
        read(bad);
      } catch (const Error&) {  // any typed refusal will do; a crash or another exception will not
      }
    }
  }
}

TEST_F(GgufTest, RefusesCountBombsBeforeAllocating) {
  refuses(header(~uint64_t{0}, 0) + std::string(64, '\0'));
  refuses(header(0, uint64_t{1} << 40) + std::string(64, '\0'));
  refuses(header(0, 1) + raw(~uint64_t{0}) + std::string(64, '\0'));
  refuses(header(0, 1) + text("k") + raw<uint32_t>(8) + raw(uint64_t{1} << 60));
  refuses(header(0, 1) + text("k") + raw<uint32_t>(9) + raw<uint32_t>(0) + raw(uint64_t{1} << 50));
  refuses(header(0, 1) + text("k") + raw<uint32_t>(9) + raw<uint32_t>(8) + raw(uint64_t{1} << 23) +
          std::string(64, '\0'));
}

TEST_F(GgufTest, RefusesWhatTheFormatForbids) {
  refuses("GGML" + std::string(64, '\0'));
  refuses("GGUF" + raw<uint32_t>(1) + std::string(64, '\0'), ErrorCode::Unsupported);
  refuses("GGUF" + raw<uint32_t>(0x03000000) + std::string(64, '\0'), ErrorCode::Unsupported);
  refuses(GgufBuilder().pair("k", 13, "").bytes());
  refuses(GgufBuilder().pair("k", 7, "\2").bytes());
  refuses(GgufBuilder().pair("k", 9, raw<uint32_t>(9) + raw<uint64_t>(0)).bytes());
  refuses(GgufBuilder().uint32("k", 1).uint32("k", 2).bytes());
  refuses(GgufBuilder().uint32("general.alignment", 0).bytes());
  refuses(GgufBuilder().uint32("general.alignment", 24).bytes());
}

TEST_F(GgufTest, RefusesTensorsThatLie) {
  refuses(GgufBuilder().tensor("a", {2, 33}, 8, std::string(68, '\1')).bytes());
  refuses(GgufBuilder().tensor("a", {64}, 0, std::string(12, '\1')).bytes());
  refuses(GgufBuilder().tensor("a", {1, 1, 1, 1, 1}, 0, std::string(4, '\1')).bytes());
  refuses(GgufBuilder().tensor("a", {uint64_t{1} << 40}, 0, "").bytes());
  refuses(GgufBuilder().tensor("a", {2147483647, 2147483647, 2147483647}, 28, "").bytes());
  refuses(GgufBuilder().tensor("a", {1}, 0, "1234").tensor("a", {1}, 0, "1234").bytes());
  refuses(GgufBuilder().tensor(std::string(64, 'a'), {1}, 0, "1234").bytes());
  refuses(GgufBuilder().tensor("a", {1}, 999, "1234").bytes(), ErrorCode::Unsupported);
}

}  // namespace
}  // namespace burin
