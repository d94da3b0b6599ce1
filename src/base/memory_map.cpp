#include "base/memory_map.h"

#include <sys/mman.h>

#include <cerrno>
#include <string>

#include "base/error.h"

namespace burin {
namespace {

constexpr size_t kLargestPage = size_t{64} << 10;  // of those that are not huge, on any system

std::byte* rounded_up(void* address, size_t to) {
  auto* const bytes = static_cast<std::byte*>(address);
  return bytes + (to - reinterpret_cast<uintptr_t>(bytes) % to) % to;
}

/** Maps `fd`, or zeros for -1, at the first huge page of a range of addresses of its own. */
std::shared_ptr<std::byte> map(size_t size, int fd, const char* what) {
  const size_t reserved = size + kHugePage;
  void* const range = ::mmap(nullptr, reserved, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  const auto unmap = [range, reserved](std::byte*) { ::munmap(range, reserved); };
  const std::shared_ptr<std::byte> begin(range == MAP_FAILED ? nullptr : rounded_up(range, kHugePage), unmap);
  const int flags = MAP_PRIVATE | MAP_FIXED | (fd < 0 ? MAP_ANONYMOUS : MAP_NORESERVE);
  if (begin == nullptr || ::mmap(begin.get(), size, PROT_READ | PROT_WRITE, flags, fd, 0) == MAP_FAILED) {
    throw Error(ErrorCode::ResourceExhausted, what, "no memory for " + std::to_string(size) + " bytes");
  }
#if defined(MADV_HUGEPAGE)
  ::madvise(begin.get(), size, MADV_HUGEPAGE);
#endif
  return begin;
}

}  // namespace

std::shared_ptr<std::byte> map_zeros(size_t size, const char* what) {
  return map(size, -1, what);
}

std::shared_ptr<std::byte> map_file(const InputFile& file, const char* what) {
  return map(file.size(), file.descriptor(), what);
}

bool load_pages(std::byte* begin, size_t size) {
#if defined(MADV_POPULATE_READ)
  const size_t before = reinterpret_cast<uintptr_t>(begin) % kLargestPage;
  return ::madvise(begin - before, size + before, MADV_POPULATE_READ) == 0 || errno == EINVAL;  // unknown before 5.14
#else
  return begin != nullptr || size == 0;
#endif
}

}  // namespace burin
