#include "hub/lock_state.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/sysmacros.h>
#endif

#include <cerrno>
#include <fstream>
#include <sstream>
#include <utility>

#include <fmt/format.h>

namespace burin::hub {
namespace {

int open_to_lock(const std::filesystem::path& file) {
  return ::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
}

/** By the kernel's table of locks; pid 0 where there is none, or it does not show other users' processes. */
LockHolder holder_of(int fd) {
  LockHolder holder;
#ifdef __linux__
  struct stat info{};
  if (::fstat(fd, &info) != 0) {
    return holder;
  }
  const std::string file = fmt::format("{:02x}:{:02x}:{}", major(info.st_dev), minor(info.st_dev), info.st_ino);
  std::ifstream table("/proc/locks");
  for (std::string line; std::getline(table, line);) {
    std::istringstream words(line);
    std::string number, kind, mode, access, place;
    int pid = 0;
    if (words >> number >> kind >> mode >> access >> pid >> place && kind == "FLOCK" && place == file && pid > 0) {
      holder.pid = pid;
      std::getline(std::ifstream(fmt::format("/proc/{}/comm", pid)), holder.program);
      break;
    }
  }
#else
  static_cast<void>(fd);
#endif
  return holder;
}

/** Closes `fd` when another process holds the lock. Where locks do not work at all, nobody else can hold one either. */
bool lock_now(int fd) {
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    ::close(fd);
    return false;
  }
  return true;
}

}  // namespace

std::optional<LockHolder> lock_holder(const std::filesystem::path& file) {
  const int fd = open_to_lock(file);
  if (fd < 0) {
    return std::nullopt;
  }
  std::optional<LockHolder> holder;
  // Shared and for an instant only: two that look at the same time do not see each other.
  if (::flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    holder = holder_of(fd);
  }
  ::close(fd);
  return holder;
}

std::string describe(const LockHolder& holder) {
  if (holder.pid == 0) {
    return "another process";
  }
  return holder.program.empty() ? fmt::format("process {}", holder.pid)
                                : fmt::format("process {} ({})", holder.pid, holder.program);
}

std::optional<HeldLock> HeldLock::try_take(const std::filesystem::path& file) {
  const int fd = open_to_lock(file);
  return fd >= 0 && lock_now(fd) ? std::optional(HeldLock(fd)) : std::nullopt;
}

std::optional<HeldLock> HeldLock::create(const std::filesystem::path& file) {
  constexpr mode_t kMode = 0664;
  const int made = ::open(file.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, kMode);
  if (made < 0) {
    return errno == EEXIST ? try_take(file) : std::nullopt;
  }
  ::fchmod(made, kMode);
  return lock_now(made) ? std::optional(HeldLock(made)) : std::nullopt;
}

HeldLock::~HeldLock() {
  if (fd_ >= 0) {
    ::close(fd_);
  }
}

HeldLock::HeldLock(HeldLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

}  // namespace burin::hub
