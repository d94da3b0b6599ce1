#include "hub/deadline.h"

#include <algorithm>

namespace burin::hub {

Deadline::Deadline(const std::atomic<bool>& cancel, std::chrono::milliseconds limit) : cancel_(cancel) {
  if (limit.count() > 0) {
    watcher_ = std::thread([this, limit] { watch(limit); });
  }
}

Deadline::~Deadline() {
  {
    const std::lock_guard lock(mutex_);
    ended_ = true;
  }
  changed_.notify_all();
  if (watcher_.joinable()) {
    watcher_.join();
  }
}

void Deadline::watch(std::chrono::milliseconds limit) {
  constexpr auto kLook = std::chrono::milliseconds(50);  // at the other flag, which wakes nobody
  const auto end = std::chrono::steady_clock::now() + limit;
  std::unique_lock lock(mutex_);
  while (!ended_ && !stop_) {
    changed_.wait_until(lock, std::min(end, std::chrono::steady_clock::now() + kLook));
    over_ = !ended_ && std::chrono::steady_clock::now() >= end;
    stop_ = over_ || cancel_;
  }
}

}  // namespace burin::hub
