#include "hub/cache_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <thread>
#include <utility>

#include "hub/cache_error.h"

namespace burin::hub {
namespace {

constexpr auto kPoll = std::chrono::milliseconds(50);
constexpr auto kRemind = std::chrono::seconds(10);
constexpr int kFlags = O_RDWR | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC;

struct Opened {
  int fd;
  bool created;
};

Opened open_lock(const std::filesystem::path& file) {
  while (true) {
    int fd = ::open(file.c_str(), kFlags | O_CREAT | O_EXCL, 0664);
    if (fd >= 0) {
      ::fchmod(fd, 0664);  // whatever the umask: others who share the cache wait for it too
      return {.fd = fd, .created = true};
    }
    if (errno == EEXIST) {
      fd = ::open(file.c_str(), kFlags);
    }
    if (fd >= 0) {
      return {.fd = fd, .created = false};
    }
    if (errno != ENOENT) {
      throw cache_error(errno, "cannot lock the cache");
    }
    std::error_code error;  // gone again between the two, or its folder is
    if (!std::filesystem::is_directory(file.parent_path(), error)) {
      throw cache_error(ENOENT, "cannot lock the cache");
    }
  }
}

/** Locked, and still the file under that name. */
bool try_lock(int fd) {
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    return false;
  }
  struct stat info{};
  errno = EWOULDBLOCK;
  return ::fstat(fd, &info) == 0 && info.st_nlink != 0;
}

}  // namespace

CacheLock::CacheLock(const std::filesystem::path& file, const std::atomic<bool>& cancel,
                     const std::function<void()>& on_wait) {
  auto reminder = std::chrono::steady_clock::now() + kRemind;
  while (true) {
    const Opened lock = open_lock(file);
    fd_ = lock.fd;
    if (try_lock(fd_)) {
      return;
    }
    const int why = errno;
    ::close(std::exchange(fd_, -1));
    if (why != EWOULDBLOCK && why != EAGAIN && why != EACCES && why != EINTR) {
      if (lock.created && why == ENOSYS) {
        ::unlink(file.c_str());  // Python locks by existence then, and would wait for it for ever
      }
      return;
    }
    if (cancel) {
      throw Error(ErrorCode::Cancelled, "cache", "interrupted");
    }
    if (std::chrono::steady_clock::now() >= reminder) {
      reminder += kRemind;
      on_wait();
    }
    std::this_thread::sleep_for(kPoll);
  }
}

CacheLock::~CacheLock() {
  if (fd_ >= 0) {
    ::close(fd_);
  }
}

}  // namespace burin::hub
