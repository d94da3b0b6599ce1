// The input of one fuzzing run as a file, since readers take files by position.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>

namespace burin::fuzz {

/** A file that exists in memory only, for as long as this object. */
class MemoryFile {
 public:
  MemoryFile(const uint8_t* data, size_t size) : fd_(::memfd_create("input", 0)) {
    for (size_t at = 0; at < size;) {
      at += static_cast<size_t>(::write(fd_, data + at, size - at));
    }
  }
  ~MemoryFile() { ::close(fd_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  std::filesystem::path path() const { return "/proc/self/fd/" + std::to_string(fd_); }

 private:
  int fd_;
};

}  // namespace burin::fuzz
