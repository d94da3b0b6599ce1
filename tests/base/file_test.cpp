#include "base/file.h"

#include <gtest/gtest.h>

#include <array>
#include <fstream>

#include "base/error.h"
#include "temporary_folder.h"

namespace burin {
namespace {

namespace fs = std::filesystem;

class FileTest : public ::testing::Test {
 protected:
  TemporaryFolder temporary_;
  fs::path folder_ = temporary_.path();
};

TEST_F(FileTest, WritesAtomicallyAndReadsBack) {
  write_file_atomic(folder_ / "a", "old");
  write_file_atomic(folder_ / "a", "new");
  EXPECT_EQ(read_file(folder_ / "a", 100), "new");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), {}), 1);
}

TEST_F(FileTest, UncommittedOutputLeavesNothing) {
  {
    OutputFile(folder_ / "a").write("half");
  }
  EXPECT_TRUE(fs::is_empty(folder_));
}

TEST_F(FileTest, PiecesOfAnySizeCloseUp) {
  std::string expected;
  OutputFile file(folder_ / "a");
  for (const size_t size : {0, 1, 2097150, 1, 1, 5000000, 7}) {
    const std::string piece(size, static_cast<char>('a' + size % 26));
    file.write(piece);
    expected += piece;
    EXPECT_EQ(file.size(), expected.size());
  }
  file.commit();
  EXPECT_EQ(read_file(folder_ / "a", expected.size()), expected);
}

TEST_F(FileTest, MissingShortLongAndSpecialFilesAreTypedErrors) {
  write_file_atomic(folder_ / "a", "12345");
  EXPECT_THROW(read_file(folder_ / "a", 4), Error);
  EXPECT_THROW(read_file(folder_ / "none", 4), Error);
  EXPECT_THROW(InputFile{folder_}, Error);
  const InputFile file(folder_ / "a");
  std::array<std::byte, 4> bytes{};
  EXPECT_THROW(file.read_at(3, bytes), Error);
  fs::resize_file(folder_ / "a", 2);
  EXPECT_THROW(file.read_at(0, bytes), Error);
}

}  // namespace
}  // namespace burin
