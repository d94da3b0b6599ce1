#include "base/system_facts.h"

#include <unistd.h>

#include <fstream>

#include <gmock/gmock.h>

namespace burin {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

/** A machine of files. */
class Machine : public testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directories(root_); }
  void TearDown() override { std::filesystem::remove_all(root_); }

  void write(const std::string& file, const std::string& text) const {
    std::filesystem::create_directories((root_ / file).parent_path());
    std::ofstream(root_ / file) << text;
  }

  std::filesystem::path root_ =
      std::filesystem::temp_directory_path() / ("burin-machine-" + std::to_string(::getpid()));
};

TEST_F(Machine, IsUnknownWithoutFiles) {
  EXPECT_EQ(cpu_facts(root_).model, "unknown");
  EXPECT_EQ(memory_facts(root_).total_bytes, 0);
  EXPECT_FALSE(memory_facts(root_).group_limit_bytes.has_value());
}

TEST_F(Machine, NamesItsProcessor) {
  write("proc/cpuinfo",
        "processor\t: 0\nmodel name\t: Some CPU\nflags\t\t: fpu avx avx2 avx512_vnni fma3\n\nprocessor : 1\n");
  EXPECT_EQ(cpu_facts(root_).model, "Some CPU");
  EXPECT_THAT(cpu_facts(root_).features, ElementsAre("avx", "avx2", "avx512_vnni"));
  EXPECT_GT(cpu_facts(root_).threads, 0);
}

TEST_F(Machine, ReadsBrokenFilesWithoutHarm) {
  write("proc/cpuinfo", ":\n::\nmodel name\n: x\nmodel name:\nflags:\n\xff\xfe:\t\n");
  write("proc/meminfo", "MemTotal:\nMemAvailable: -5 kB\n:");
  write("proc/self/cgroup", "\n:\n0:\n0::../../../etc\n4:memory\n");
  EXPECT_EQ(cpu_facts(root_).model, "unknown");
  EXPECT_THAT(cpu_facts(root_).features, IsEmpty());
  EXPECT_EQ(memory_facts(root_).available_bytes, 0);
}

TEST_F(Machine, FindsTheTightestControlGroup) {
  write("proc/meminfo", "MemTotal:       2000 kB\nMemAvailable:   1000 kB\n");
  write("proc/self/cgroup", "0::/a/b\n");
  write("sys/fs/cgroup/a/b/memory.max", "max\n");
  write("sys/fs/cgroup/a/memory.max", "4096\n");
  EXPECT_EQ(memory_facts(root_).total_bytes, 2048000);
  EXPECT_EQ(memory_facts(root_).group_limit_bytes, 4096);
  write("sys/fs/cgroup/a/b/memory.max", "512\n");
  EXPECT_EQ(memory_facts(root_).group_limit_bytes, 512);
}

TEST_F(Machine, KnowsControlGroupsOfVersionOne) {
  write("proc/self/cgroup", "5:cpu:/x\n4:memory:/x\n0::/\n");
  write("sys/fs/cgroup/memory/x/memory.limit_in_bytes", "9223372036854771712\n");
  EXPECT_FALSE(memory_facts(root_).group_limit_bytes.has_value());
  write("sys/fs/cgroup/memory/memory.limit_in_bytes", "700\n");
  EXPECT_EQ(memory_facts(root_).group_limit_bytes, 700);
}

TEST_F(Machine, KnowsFoldersThatAreNotThereYet) {
  const FolderFacts missing = folder_facts(root_ / "a" / "b");
  EXPECT_FALSE(missing.exists);
  EXPECT_TRUE(missing.writable);
  EXPECT_GT(missing.free_bytes, 0);
  write("file", "");
  EXPECT_TRUE(folder_facts(root_ / "file").exists);
  EXPECT_FALSE(folder_facts(root_ / "file").is_folder);
  EXPECT_FALSE(folder_facts(root_ / "file" / "x").writable);
  EXPECT_EQ(terminal_columns(-1), 0);
}

TEST(AvailableMemory, IsTheLeastOfWhatLimitsIt) {
  EXPECT_EQ(available_memory({.total_bytes = 100, .available_bytes = 50}), 50U);
  EXPECT_EQ(available_memory({.total_bytes = 100, .available_bytes = 50, .group_limit_bytes = 20}), 20U);
  EXPECT_EQ(available_memory({.total_bytes = 100}), 100U);
  EXPECT_EQ(available_memory({.group_limit_bytes = 20}), 20U);
}

}  // namespace
}  // namespace burin
