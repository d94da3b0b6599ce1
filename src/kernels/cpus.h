// How many CPUs this process may really use.
#pragma once

#include <optional>
#include <string_view>

namespace burin::kernels {

/** CPUs of a cgroup v2 `cpu.max` line ("200000 100000" -> 2, rounded up); none for "max" and for anything malformed. */
std::optional<int> parse_cpu_max(std::string_view line);

/** The affinity mask's count, cut to the cgroup's quota; at least 1. */
int available_cpus();

}  // namespace burin::kernels
