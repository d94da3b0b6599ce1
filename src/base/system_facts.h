// The machine below: processor, memory, folders, terminal. Linux's /proc and /sys where they are, little elsewhere.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace burin {

struct CpuFacts {
  std::string model;                  // "unknown" where nothing names it
  std::vector<std::string> features;  // those that kernels for models can use, as /proc/cpuinfo spells them
  unsigned threads = 0;               // that this process may use
};

struct MemoryFacts {
  uint64_t total_bytes = 0;  // 0: unknown
  uint64_t available_bytes = 0;
  std::optional<uint64_t> group_limit_bytes;  // of the tightest control group around this process
};

struct FolderFacts {
  bool exists = false;
  bool is_folder = false;
  bool writable = false;
  uint64_t free_bytes = 0;  // of the disk it lies on, or will lie on
};

/** `root` is where proc/ and sys/ are. */
CpuFacts cpu_facts(const std::filesystem::path& root = "/");
MemoryFacts memory_facts(const std::filesystem::path& root = "/");

/** What this process may still take: the least of free memory, the control group's limit and RLIMIT_AS; 0: unknown. */
uint64_t available_memory(const MemoryFacts& facts);

/** The folder, or the nearest one above it that is there. */
std::filesystem::path existing_folder(std::filesystem::path folder);

FolderFacts folder_facts(const std::filesystem::path& folder);

/** Columns of the terminal behind a file descriptor; 0 when it is none. */
int terminal_columns(int fd);

}  // namespace burin
