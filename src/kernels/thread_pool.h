// The workers that all kernels share. The caller is worker 0 and never waits for a worker that has not started:
// on a busy machine it does the whole job itself.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <type_traits>
#include <vector>

namespace burin::kernels {

class ThreadPool {
 public:
  /** `threads` counts the caller: 1 starts no worker. */
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const { return static_cast<int>(workers_.size()) + 1; }

  /**
   * Calls body(begin, end) for disjoint ranges that cover [0, count), each at least `grain` long but the last: long
   * ones first, so that memory is read in few streams, short ones at the end, so that no thread waits for long. Runs on
   * the caller alone when one range is enough, when called from inside a job, or when the pool is in use.
   */
  template <typename Body>
  void parallel_for(int64_t count, int64_t grain, Body&& body) {
    using Plain = std::remove_reference_t<Body>;
    run(
        count, grain, [](void* context, int64_t begin, int64_t end) { (*static_cast<Plain*>(context))(begin, end); },
        const_cast<void*>(static_cast<const void*>(std::addressof(body))));
  }

 private:
  using Call = void (*)(void*, int64_t, int64_t);

  void run(int64_t count, int64_t grain, Call call, void* context);
  void work();
  void take_ranges();
  bool join(uint32_t& last_epoch);

  // State: epoch << 32 | open << 16 | workers inside. Workers enter only while open, so a job ends without them.
  std::atomic<uint64_t> state_{0};
  std::atomic<int> wake_{0};
  std::atomic<bool> stop_{false};
  std::atomic_flag in_use_;

  Call call_ = nullptr;
  void* context_ = nullptr;
  int64_t count_ = 0;
  int64_t smallest_ = 0;
  std::atomic<int64_t> next_{0};

  std::vector<std::thread> workers_;
};

/** The pool of the process, made on first use with `available_cpus()` threads. */
ThreadPool& pool();

/** Replaces the pool; 0: as many threads as CPUs may be used. Threads: only while no kernel runs. */
void set_pool_threads(int threads);

}  // namespace burin::kernels
