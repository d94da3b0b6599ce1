// The one thread that owns a loaded model: MLX's streams belong to threads, so every call on a backend runs here, in
// the order in which it came. Nothing on it waits for a caller.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace burin::engine {

class ModelThread {
 public:
  ModelThread();
  /** Runs what was posted, then ends the thread. */
  ~ModelThread();
  ModelThread(const ModelThread&) = delete;
  ModelThread& operator=(const ModelThread&) = delete;

  /** Returns at once; `job` must not throw. */
  void post(std::function<void()> job);

  /** Returns when `job` has run. Throws: what it threw, as burin::Error. Threads: any but this one. */
  void run(const std::function<void()>& job);

 private:
  void work();

  std::mutex mutex_;
  std::condition_variable posted_;
  std::deque<std::function<void()>> jobs_;
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace burin::engine
