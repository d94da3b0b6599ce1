#include "base/system_facts.h"

#include <sched.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <fstream>
#include <sstream>
#include <string_view>
#include <thread>

namespace burin {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 20> kFeatures{
    "sse4_2",   "avx",         "avx2",     "fma",         "f16c",        "avx512f",  "avx512bw",
    "avx512vl", "avx512_vnni", "avx_vnni", "avx512_bf16", "avx512_fp16", "amx_tile", "amx_int8",
    "amx_bf16", "asimd",       "asimddp",  "i8mm",        "bf16",        "sve"};
// A limit beyond this is how control groups of version 1 say "none".
constexpr uint64_t kNoLimit = uint64_t{1} << 60;

/** Files of /proc have no size to go by; empty when it cannot be read. */
std::string read_all(const fs::path& file) {
  std::ostringstream text;
  text << std::ifstream(file).rdbuf();
  return std::move(text).str();
}

/** Calls `use(key, value)` for every `key: value` of a file. */
template <typename Use>
void each_pair(const std::string& text, Use use) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const size_t colon = line.find(':');
    if (colon != std::string::npos) {
      const size_t key_end = line.find_last_not_of(" \t", colon == 0 ? 0 : colon - 1) + 1;
      const size_t value = std::min(line.find_first_not_of(" \t", colon + 1), line.size());
      use(line.substr(0, std::min(key_end, colon)), line.substr(value));
    }
  }
}

std::optional<uint64_t> number_in(const fs::path& file) {
  const std::string text = read_all(file);
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && value < kNoLimit ? std::optional(value) : std::nullopt;
}

/** The least of the limits in `file` of the group and of all around it. */
std::optional<uint64_t> least_limit(const fs::path& base, const std::string& group, std::string_view file) {
  std::optional<uint64_t> least;
  fs::path path = fs::path(group).relative_path();
  while (true) {
    if (const auto limit = number_in(base / path / file)) {
      least = std::min(least.value_or(*limit), *limit);
    }
    if (path.empty()) {
      return least;
    }
    path = path.parent_path();
  }
}

std::optional<uint64_t> group_limit(const fs::path& root) {
  std::optional<uint64_t> least;
  std::istringstream lines(read_all(root / "proc/self/cgroup"));
  for (std::string line; std::getline(lines, line);) {
    const size_t first = line.find(':');
    const size_t second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) {
      continue;
    }
    const std::string kind = line.substr(first + 1, second - first - 1);
    const fs::path sys = root / "sys/fs/cgroup";
    const auto limit = kind.empty() ? least_limit(sys, line.substr(second + 1), "memory.max")
                       : kind == "memory"
                           ? least_limit(sys / "memory", line.substr(second + 1), "memory.limit_in_bytes")
                           : std::nullopt;
    if (limit) {
      least = std::min(least.value_or(*limit), *limit);
    }
  }
  return least;
}

unsigned usable_threads() {
#ifdef __linux__
  cpu_set_t allowed;
  if (::sched_getaffinity(0, sizeof allowed, &allowed) == 0) {
    return static_cast<unsigned>(CPU_COUNT(&allowed));
  }
#endif
  return std::thread::hardware_concurrency();
}

}  // namespace

CpuFacts cpu_facts(const fs::path& root) {
  CpuFacts facts{.model = "unknown", .features = {}, .threads = usable_threads()};
  std::string flags;
  each_pair(read_all(root / "proc/cpuinfo"), [&](const std::string& key, const std::string& value) {
    if (key == "model name" && facts.model == "unknown" && !value.empty()) {
      facts.model = value;
    } else if ((key == "flags" || key == "Features") && flags.empty()) {
      flags = " " + value + " ";
    }
  });
  for (const std::string_view feature : kFeatures) {
    if (flags.find(" " + std::string(feature) + " ") != std::string::npos) {
      facts.features.emplace_back(feature);
    }
  }
  return facts;
}

MemoryFacts memory_facts(const fs::path& root) {
  MemoryFacts facts{.group_limit_bytes = group_limit(root)};
  each_pair(read_all(root / "proc/meminfo"), [&](const std::string& key, const std::string& value) {
    uint64_t kilobytes = 0;
    std::from_chars(value.data(), value.data() + value.size(), kilobytes);
    if (key == "MemTotal") {
      facts.total_bytes = kilobytes * 1024;
    } else if (key == "MemAvailable") {
      facts.available_bytes = kilobytes * 1024;
    }
  });
  return facts;
}

uint64_t available_memory(const MemoryFacts& facts) {
  uint64_t least = facts.available_bytes > 0 ? facts.available_bytes : facts.total_bytes;
  const auto limit_to = [&](uint64_t limit) { least = least == 0 ? limit : std::min(least, limit); };
  if (facts.group_limit_bytes) {
    limit_to(*facts.group_limit_bytes);
  }
  rlimit limit{};
  if (::getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
    limit_to(limit.rlim_cur);
  }
  return least;
}

fs::path existing_folder(fs::path folder) {
  std::error_code ignored;
  while (!folder.empty() && !fs::exists(folder, ignored) && folder != folder.parent_path()) {
    folder = folder.parent_path();
  }
  return folder;
}

FolderFacts folder_facts(const fs::path& folder) {
  std::error_code error;
  FolderFacts facts{.exists = fs::exists(folder, error), .is_folder = fs::is_directory(folder, error)};
  const fs::path existing = existing_folder(folder);
  facts.writable = fs::is_directory(existing, error) && ::access(existing.c_str(), W_OK | X_OK) == 0;
  const fs::space_info space = fs::space(existing, error);
  facts.free_bytes = error ? 0 : space.available;
  return facts;
}

int terminal_columns(int fd) {
  winsize size{};
  return ::ioctl(fd, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

}  // namespace burin
