#include "kernels/cpus.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <string>
#include <thread>

#if defined(__linux__)
#include <sched.h>
#endif

namespace burin::kernels {
namespace {

std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

/** Path of this process in the unified hierarchy: the line "0::/path". */
std::string own_cgroup() {
  std::ifstream file("/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("0::/")) {
      return line.substr(3);
    }
  }
  return "/";
}

/** The tightest quota between the process's own group and the root. */
int cgroup_limit(int cpus) {
  std::string path = own_cgroup();
  while (true) {
    if (const auto quota = parse_cpu_max(first_line("/sys/fs/cgroup" + path + "/cpu.max"))) {
      cpus = std::min(cpus, *quota);
    }
    if (path.empty() || path == "/") {
      return cpus;
    }
    path.resize(path.rfind('/'));
  }
}

int affinity_count() {
#if defined(__linux__)
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof(set), &set) == 0) {
    return CPU_COUNT(&set);
  }
#endif
  return static_cast<int>(std::thread::hardware_concurrency());
}

}  // namespace

std::optional<int> parse_cpu_max(std::string_view line) {
  const char* const begin = line.data();
  const char* const end = begin + line.size();
  long long quota = 0;
  const auto [after_quota, bad_quota] = std::from_chars(begin, end, quota);
  if (bad_quota != std::errc() || after_quota == end || *after_quota != ' ') {
    return std::nullopt;
  }
  long long period = 0;
  const auto [after_period, bad_period] = std::from_chars(after_quota + 1, end, period);
  if (bad_period != std::errc() || quota <= 0 || period <= 0) {
    return std::nullopt;
  }
  const long long cpus = quota / period + (quota % period != 0 ? 1 : 0);
  return static_cast<int>(std::min<long long>(cpus, 1 << 20));
}

int available_cpus() {
  return std::max(1, cgroup_limit(std::max(1, affinity_count())));
}

}  // namespace burin::kernels
