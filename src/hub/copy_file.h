// One file copied for good: by sharing blocks that a later change separates, else byte by byte with its hash checked.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

namespace burin::hub {

struct FileCopy {
  std::filesystem::path from;
  std::filesystem::path to;  // must not be there
  std::string etag;          // what its content should hash to; empty: not compared
  std::string name;          // in errors
};

/**
 * Copies, flushes to disk; `on_bytes` is told of every block and may throw to end it.
 * Throws: NotFound, Permission, ResourceExhausted, Corrupt when the content is not what `etag` says.
 */
void copy_file_checked(const FileCopy& copy, const std::function<void(uint64_t bytes)>& on_bytes);

}  // namespace burin::hub
