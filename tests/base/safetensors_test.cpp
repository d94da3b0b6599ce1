#include "base/safetensors.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <fstream>

#include "base/error.h"

namespace burin {
namespace {

namespace fs = std::filesystem;

class SafetensorsTest : public ::testing::Test {
 protected:
  void TearDown() override { fs::remove(path_); }

  std::string with_header(const std::string& header, size_t data_bytes) const {
    const uint64_t length = header.size();
    std::string file(8, '\0');
    std::memcpy(file.data(), &length, 8);
    return file + header + std::string(data_bytes, '\1');
  }
  SafetensorsHeader read(const std::string& content) {
    std::ofstream(path_, std::ios::binary) << content;
    return read_safetensors_header(InputFile(path_));
  }
  void refuses(const std::string& header, size_t data_bytes, ErrorCode code = ErrorCode::Corrupt) {
    try {
      read(with_header(header, data_bytes));
      FAIL() << "accepted " << header;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), code) << header << ": " << error.what();
      EXPECT_NE(error.message().find(path_.filename().string()), std::string::npos);
    }
  }

  fs::path path_ = fs::path(::testing::TempDir()) /
                   (std::string(::testing::UnitTest::GetInstance()->current_test_info()->name()) + ".safetensors");
};

const std::string kGood = R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
                          R"("b":{"dtype":"U8","shape":[3],"data_offsets":[8,11]}})";

TEST_F(SafetensorsTest, ReadsTensorsByOffsetWithMetadata) {
  const std::string header =
      R"( {"z":{"dtype":"BF16","shape":[1,2],"data_offsets":[0,4]},"__metadata__":{"format":"mlx"}} )";
  const SafetensorsHeader read_back = read(with_header(header, 4));
  ASSERT_EQ(read_back.tensors.size(), 1U);
  EXPECT_EQ(read_back.tensors[0].offset, 8 + header.size());
  EXPECT_EQ(read_back.metadata.at("format"), "mlx");
}

TEST_F(SafetensorsTest, TakesNullMetadata) {
  const std::string header = R"({"__metadata__":null,"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})";
  EXPECT_TRUE(read(with_header(header, 2)).metadata.empty());
}

TEST_F(SafetensorsTest, RefusesAFileCutAnywhere) {
  const std::string whole = with_header(kGood, 11);
  EXPECT_NO_THROW(read(whole));
  for (size_t cut = 0; cut < whole.size(); ++cut) {
    EXPECT_THROW(read(whole.substr(0, cut)), Error) << cut;
  }
  EXPECT_THROW(read(whole + "x"), Error);
}

TEST_F(SafetensorsTest, RefusesLengthBombsBeforeAllocating) {
  for (const uint64_t length : {~uint64_t{0}, uint64_t{1} << 62, uint64_t{100'000'001}, uint64_t{12}}) {
    std::string file(11, '{');
    std::memcpy(file.data(), &length, 8);
    EXPECT_THROW(read(file), Error) << length;
  }
}

TEST_F(SafetensorsTest, RefusesOverlapHoleAndTrailingBytes) {
  refuses(
      R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":[2,6]}})",
      6);
  refuses(
      R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}})",
      4);
  refuses(R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[1,5]}})", 5);
  refuses(R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}})", 5);
  refuses(R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}})", 3);
}

TEST_F(SafetensorsTest, RefusesShapesThatLie) {
  refuses(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", 4);
  refuses(R"({"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})", 4);
  refuses(R"({"a":{"dtype":"F32","shape":[1.5],"data_offsets":[0,4]}})", 4);
  refuses(R"({"a":{"dtype":"U8","shape":[2147483648],"data_offsets":[0,0]}})", 0);
  refuses(R"({"a":{"dtype":"F64","shape":[2147483647,2147483647,2147483647],"data_offsets":[0,8]}})", 8);
  refuses(R"({"a":{"dtype":"U8","shape":[1,1,1,1,1,1,1,1,1],"data_offsets":[0,1]}})", 1);
  refuses(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[1,0]}})", 1);
}

TEST_F(SafetensorsTest, RefusesWhatIsNoHeader) {
  for (const char* header : {"", "[]", "{", "null", R"({"a":1})", R"({"a":{}})", R"({"a":{"dtype":"U8","shape":[1]}})",
                             R"({"__metadata__":{"a":1}})", "{\"\xff\":{}}"}) {
    refuses(header, 0);
  }
  refuses(
      R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})",
      1);
  refuses(R"({"a":{"dtype":"F8_E5M2","shape":[1],"data_offsets":[0,1]}})", 1, ErrorCode::Unsupported);
}

TEST_F(SafetensorsTest, WriterGivesWhatTheReaderAccepts) {
  SafetensorsWriter writer(
      path_, {{.name = "x", .dtype = Dtype::F32, .shape = {2}}, {.name = "e", .dtype = Dtype::U8, .shape = {0}}},
      {{"format", "mlx"}});
  const std::array<float, 2> values{1.0F, 2.0F};
  writer.write(std::as_bytes(std::span(values)));
  writer.commit();
  const InputFile file(path_);
  const SafetensorsHeader header = read_safetensors_header(file);
  ASSERT_EQ(header.tensors.size(), 2U);
  EXPECT_EQ(header.data_offset % 64, 0U);
  std::array<float, 2> back{};
  const auto& x = *std::ranges::find(header.tensors, std::string("x"), &TensorInfo::name);
  file.read_at(x.offset, std::as_writable_bytes(std::span(back)));
  EXPECT_EQ(back, values);
}

}  // namespace
}  // namespace burin
