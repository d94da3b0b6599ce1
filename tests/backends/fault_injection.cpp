#include "fault_injection.h"

#include <dlfcn.h>
#include <sys/types.h>

#include <cerrno>
#include <cstdlib>
#include <new>

// NOLINTBEGIN: these are the language's and the system's names
void* operator new(std::size_t size) {
  if (size >= burin::fault::kLeastBytes && burin::fault::allocations.fails()) {
    throw std::bad_alloc();
  }
  if (void* p = std::malloc(size == 0 ? 1 : size)) {
    return p;
  }
  throw std::bad_alloc();
}
void operator delete(void* p) noexcept {
  std::free(p);
}
void operator delete(void* p, std::size_t) noexcept {
  std::free(p);
}

extern "C" ssize_t pread(int fd, void* to, std::size_t count, off_t offset) {
  static const auto real = reinterpret_cast<ssize_t (*)(int, void*, std::size_t, off_t)>(::dlsym(RTLD_NEXT, "pread"));
  if (burin::fault::reads.fails()) {
    errno = EIO;
    return -1;
  }
  return real(fd, to, count, offset);
}
// NOLINTEND
