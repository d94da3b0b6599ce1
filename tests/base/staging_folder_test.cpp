#include "base/staging_folder.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/file.h"

namespace burin {
namespace {

namespace fs = std::filesystem;

class StagingFolderTest : public ::testing::Test {
 protected:
  void SetUp() override {
    fs::remove_all(home_);
    fs::create_directories(home_);
  }
  void TearDown() override { fs::remove_all(home_); }

  fs::path home_ = fs::path(::testing::TempDir()) / ("staging-" + std::to_string(::getpid()));
  fs::path target_ = home_ / "model";
};

TEST_F(StagingFolderTest, AppearsWithItsFilesOnCommit) {
  {
    StagingFolder staging(target_);
    write_file_atomic(staging.path() / "config.json", "{}");
    EXPECT_FALSE(fs::exists(target_));
    staging.commit();
  }
  EXPECT_EQ(read_file(target_ / "config.json", 10), "{}");
  EXPECT_EQ(std::distance(fs::directory_iterator(home_), {}), 1);
}

TEST_F(StagingFolderTest, LeavesNothingWithoutCommit) {
  {
    StagingFolder staging(target_);
    write_file_atomic(staging.path() / "config.json", "{}");
  }
  EXPECT_TRUE(fs::is_empty(home_));
}

TEST_F(StagingFolderTest, RemovesWhatAKilledProcessLeft) {
  fs::create_directories(home_ / "model.importing-999999");
  write_file_atomic(home_ / "model.importing-999999" / "model.safetensors", "half");
  StagingFolder staging(target_);
  EXPECT_FALSE(fs::exists(home_ / "model.importing-999999"));
}

TEST_F(StagingFolderTest, KeepsWhatIsBeingFilledAndWhatIsNotOurs) {
  StagingFolder running(target_);
  fs::rename(running.path(), home_ / "model.importing-1");  // as if another process had made it
  fs::create_directories(home_ / "model.importing-notes");
  fs::create_directories(home_ / "other.importing-2");
  StagingFolder staging(target_);
  EXPECT_TRUE(fs::exists(home_ / "model.importing-1"));
  EXPECT_TRUE(fs::exists(home_ / "model.importing-notes"));
  EXPECT_TRUE(fs::exists(home_ / "other.importing-2"));
}

TEST_F(StagingFolderTest, RefusesATargetThatCameUpMeanwhile) {
  StagingFolder staging(target_);
  fs::create_directories(target_);
  write_file_atomic(target_ / "config.json", "{}");
  EXPECT_THROW(staging.commit(), Error);
  EXPECT_TRUE(fs::exists(target_ / "config.json"));
}

}  // namespace
}  // namespace burin
