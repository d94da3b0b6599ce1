#include "engine/process_memory.h"

#include <sys/resource.h>
#include <unistd.h>

#include <fstream>

namespace burin::engine {

ProcessMemory process_memory() {
  ProcessMemory memory;
  rusage usage{};
  if (::getrusage(RUSAGE_SELF, &usage) == 0) {
#ifdef __APPLE__
    memory.peak_resident_bytes = static_cast<uint64_t>(usage.ru_maxrss);
#else
    memory.peak_resident_bytes = static_cast<uint64_t>(usage.ru_maxrss) * 1024;
#endif
  }
  std::ifstream statm("/proc/self/statm");
  uint64_t total_pages = 0;
  uint64_t resident_pages = 0;
  if (statm >> total_pages >> resident_pages) {
    memory.resident_bytes = resident_pages * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  }
  return memory;
}

}  // namespace burin::engine
