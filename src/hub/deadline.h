// A limit on the whole of a task that already ends when a flag is set.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

namespace burin::hub {

/** Sets its own flag when another one is set or when the time is over. */
class Deadline {
 public:
  /** `limit` 0: no limit, and flag() is `cancel` itself. */
  Deadline(const std::atomic<bool>& cancel, std::chrono::milliseconds limit);
  ~Deadline();
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;

  const std::atomic<bool>& flag() const { return watcher_.joinable() ? stop_ : cancel_; }
  bool is_over() const { return over_; }

 private:
  void watch(std::chrono::milliseconds limit);

  const std::atomic<bool>& cancel_;
  std::atomic<bool> stop_{false};
  std::atomic<bool> over_{false};
  bool ended_ = false;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::thread watcher_;
};

}  // namespace burin::hub
