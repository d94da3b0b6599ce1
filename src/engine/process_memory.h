// How much memory the process holds, as the system counts it.
#pragma once

#include <cstdint>

namespace burin::engine {

struct ProcessMemory {
  uint64_t resident_bytes = 0;  // 0: not known on this system
  uint64_t peak_resident_bytes = 0;
};

ProcessMemory process_memory();

}  // namespace burin::engine
