#include "hub/hash_follower.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "hub/cache_error.h"

namespace burin::hub {
namespace {

constexpr uint64_t kBlock = uint64_t{1} << 20;
constexpr uint64_t kFlushStep = uint64_t{64} << 20;

}  // namespace

HashFollower::HashFollower(int fd, DigestKind kind, uint64_t size)
    : fd_(fd), size_(size), digest_(kind, size), thread_([this] { work(); }) {}

HashFollower::~HashFollower() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) {
    thread_.join();
  }
}

void HashFollower::advance(uint64_t written) {
  {
    const std::lock_guard lock(mutex_);
    written_ = std::max(written_, written);
  }
  changed_.notify_all();
}

std::string HashFollower::finish() {
  thread_.join();
  if (failure_) {
    std::rethrow_exception(failure_);
  }
  return digest_.hex();
}

void HashFollower::work() {
  try {
    while (hashed_ < size_) {
      uint64_t end = 0;
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return stop_ || written_ > hashed_; });
        if (stop_) {
          return;
        }
        end = written_;
      }
      hash_to(std::min(end, hashed_ + kBlock));
    }
  } catch (...) {
    failure_ = std::current_exception();
  }
}

void HashFollower::hash_to(uint64_t end) {
  static thread_local std::vector<std::byte> block(kBlock);
  while (hashed_ < end) {
    const ssize_t n =
        ::pread(fd_, block.data(), std::min<uint64_t>(block.size(), end - hashed_), static_cast<off_t>(hashed_));
    if (n < 0 && errno == EINTR) {
      continue;
    }
    if (n <= 0) {
      throw n < 0 ? cache_error(errno, "cannot read a download back")
                  : Error(ErrorCode::Internal, "cache", "a download became shorter while it was written");
    }
    digest_.update(std::span(block).first(static_cast<size_t>(n)));
    hashed_ += static_cast<uint64_t>(n);
  }
  if (hashed_ - durable_ >= kFlushStep && hashed_ < size_) {
    if (::fdatasync(fd_) != 0) {
      throw cache_error(errno, "cannot flush a download");
    }
    durable_ = hashed_;
  }
}

}  // namespace burin::hub
