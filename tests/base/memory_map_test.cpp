#include "base/memory_map.h"

#include <algorithm>
#include <filesystem>

#include <gtest/gtest.h>

#include "base/error.h"
#include "temporary_folder.h"

namespace burin {
namespace {

bool begins_a_huge_page(const std::shared_ptr<std::byte>& memory) {
  return reinterpret_cast<uintptr_t>(memory.get()) % kHugePage == 0;
}

TEST(MemoryMap, ZerosCanBeWrittenAndOutliveTheirFirstOwner) {
  auto memory = map_zeros(kHugePage + 5, "a test");
  EXPECT_TRUE(begins_a_huge_page(memory));
  EXPECT_TRUE(std::all_of(memory.get(), memory.get() + kHugePage + 5, [](std::byte b) { return b == std::byte{}; }));
  const std::shared_ptr<std::byte> last(memory, memory.get() + kHugePage + 4);
  memory.reset();
  *last = std::byte{7};
  EXPECT_EQ(*last, std::byte{7});
}

TEST(MemoryMap, MoreThanThereIsIsATypedError) {
  try {
    map_zeros(size_t{1} << 60, "a test");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::ResourceExhausted);
  }
}

TEST(MemoryMap, AFileIsReadInPlaceAndKeepsItsContent) {
  const TemporaryFolder folder;
  const std::string content = std::string(3 * kHugePage, 'a') + "end";
  write_file_atomic(folder.path() / "a", content);
  const auto memory = map_file(InputFile(folder.path() / "a"), "a test");
  EXPECT_TRUE(begins_a_huge_page(memory));
  EXPECT_TRUE(load_pages(memory.get() + 100, content.size() - 100));
  EXPECT_EQ(std::string_view(reinterpret_cast<const char*>(memory.get()), content.size()), content);
  *memory = std::byte{'b'};
  EXPECT_EQ(read_file(folder.path() / "a", content.size()), content);
}

#if defined(__linux__)
TEST(MemoryMap, PagesOfAFileThatWasCutAreRefusedRatherThanFatal) {
  const TemporaryFolder folder;
  write_file_atomic(folder.path() / "a", std::string(4 * kHugePage, 'a'));
  const auto memory = map_file(InputFile(folder.path() / "a"), "a test");
  std::filesystem::resize_file(folder.path() / "a", kHugePage);
  EXPECT_TRUE(load_pages(memory.get(), kHugePage));
  EXPECT_FALSE(load_pages(memory.get() + 2 * kHugePage, kHugePage));
}
#endif

}  // namespace
}  // namespace burin
