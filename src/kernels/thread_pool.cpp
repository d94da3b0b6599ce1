#include "kernels/thread_pool.h"

#include <algorithm>
#include <chrono>
#include <mutex>

#include "kernels/cpus.h"

namespace burin::kernels {
namespace {

constexpr uint64_t kOpen = uint64_t{1} << 16;
constexpr uint64_t kInside = kOpen - 1;
constexpr auto kSpin = std::chrono::microseconds(40);
constexpr int kMaxThreads = 512;
constexpr int64_t kRangesPerThread = 16;  // the smallest, which come last

void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

/** Polls for a bounded time: most jobs follow each other within microseconds. */
template <typename Done>
bool spin_until(Done&& done) {
  const auto end = std::chrono::steady_clock::now() + kSpin;
  do {
    for (int i = 0; i < 64; ++i) {
      if (done()) {
        return true;
      }
      pause();
    }
  } while (std::chrono::steady_clock::now() < end);
  return false;
}

uint32_t epoch_of(uint64_t state) {
  return static_cast<uint32_t>(state >> 32);
}

std::unique_ptr<ThreadPool> g_pool;
std::once_flag g_pool_made;

}  // namespace

ThreadPool::ThreadPool(int threads) {
  for (int i = 1; i < std::min(threads, kMaxThreads); ++i) {
    workers_.emplace_back([this] { work(); });
  }
}

ThreadPool::~ThreadPool() {
  stop_ = true;
  ++wake_;
  wake_.notify_all();
  for (std::thread& worker : workers_) {
    worker.join();
  }
}

void ThreadPool::run(int64_t count, int64_t grain, Call call, void* context) {
  if (count <= 0) {
    return;
  }
  const int64_t ranges = std::min(count / std::max<int64_t>(grain, 1), threads() * kRangesPerThread);
  if (workers_.empty() || ranges <= 1 || in_use_.test_and_set(std::memory_order_acquire)) {
    call(context, 0, count);
    return;
  }
  call_ = call;
  context_ = context;
  count_ = count;
  smallest_ = (count + ranges - 1) / ranges;
  next_.store(0, std::memory_order_relaxed);
  const uint64_t epoch = epoch_of(state_.load(std::memory_order_relaxed)) + uint64_t{1};
  state_.store(epoch << 32 | kOpen, std::memory_order_release);
  ++wake_;
  wake_.notify_all();
  take_ranges();
  state_.fetch_and(~kOpen, std::memory_order_acq_rel);
  const auto all_left = [&] { return (state_.load(std::memory_order_acquire) & kInside) == 0; };
  while (!all_left() && !spin_until(all_left)) {
    std::this_thread::yield();
  }
  in_use_.clear(std::memory_order_release);
}

void ThreadPool::take_ranges() {
  const int64_t shares = int64_t{2} * threads();
  int64_t begin = next_.load(std::memory_order_relaxed);
  while (begin < count_) {
    const int64_t end = std::min(begin + std::max(smallest_, (count_ - begin) / shares), count_);
    if (next_.compare_exchange_weak(begin, end, std::memory_order_relaxed)) {
      call_(context_, begin, end);
      begin = next_.load(std::memory_order_relaxed);
    }
  }
}

bool ThreadPool::join(uint32_t& last_epoch) {
  uint64_t state = state_.load(std::memory_order_relaxed);
  while ((state & kOpen) != 0 && epoch_of(state) != last_epoch) {
    if (state_.compare_exchange_weak(state, state + 1, std::memory_order_acq_rel, std::memory_order_relaxed)) {
      last_epoch = epoch_of(state);
      return true;
    }
  }
  return false;
}

void ThreadPool::work() {
  uint32_t last_epoch = 0;
  bool joined = false;
  const auto ready = [&] { return (joined = join(last_epoch)) || stop_.load(std::memory_order_relaxed); };
  while (true) {
    const int seen = wake_.load();
    if (!ready() && !spin_until(ready)) {
      wake_.wait(seen);
      continue;
    }
    if (!joined) {
      return;
    }
    take_ranges();
    state_.fetch_sub(1, std::memory_order_acq_rel);
  }
}

ThreadPool& pool() {
  std::call_once(g_pool_made, [] {
    if (!g_pool) {
      g_pool = std::make_unique<ThreadPool>(available_cpus());
    }
  });
  return *g_pool;
}

void set_pool_threads(int threads) {
  const int wanted = std::clamp(threads > 0 ? threads : available_cpus(), 1, kMaxThreads);
  if (pool().threads() != wanted) {
    g_pool = std::make_unique<ThreadPool>(wanted);
  }
}

}  // namespace burin::kernels
