#include "kernels/thread_pool.h"

#include <gtest/gtest.h>

#include <numeric>

namespace burin::kernels {
namespace {

TEST(ThreadPool, CoversEveryIndexOnce) {
  for (const int threads : {1, 2, 5}) {
    ThreadPool pool(threads);
    EXPECT_EQ(pool.threads(), threads);
    for (const int64_t count : {0, 1, 2, 7, 63, 64, 1000}) {
      for (const int64_t grain : {0, 1, 3, 100}) {
        std::vector<int> hits(static_cast<size_t>(count));
        pool.parallel_for(count, grain, [&](int64_t begin, int64_t end) {
          for (int64_t i = begin; i < end; ++i) {
            ++hits[static_cast<size_t>(i)];
          }
        });
        EXPECT_EQ(hits, std::vector<int>(static_cast<size_t>(count), 1)) << count << " by " << grain;
      }
    }
  }
}

TEST(ThreadPool, ManyShortJobsOnMoreThreadsThanCpus) {
  ThreadPool pool(static_cast<int>(std::thread::hardware_concurrency()) * 4);
  std::vector<int64_t> values(64);
  for (int round = 0; round < 2000; ++round) {
    pool.parallel_for(64, 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        values[static_cast<size_t>(i)] += i;
      }
    });
  }
  EXPECT_EQ(std::accumulate(values.begin(), values.end(), int64_t{0}), 2000 * 63 * 32);
}

TEST(ThreadPool, WakesSleepingWorkers) {
  ThreadPool pool(3);
  for (int round = 0; round < 5; ++round) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    std::atomic<int64_t> sum{0};
    pool.parallel_for(100, 1, [&](int64_t begin, int64_t end) { sum += end - begin; });
    EXPECT_EQ(sum, 100);
  }
}

TEST(ThreadPool, AJobInsideAJobRunsOnItsCaller) {
  ThreadPool pool(4);
  std::atomic<int64_t> sum{0};
  pool.parallel_for(8, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      pool.parallel_for(10, 1, [&](int64_t from, int64_t to) { sum += to - from; });
    }
  });
  EXPECT_EQ(sum, 80);
}

TEST(ThreadPool, TwoCallersAtOnce) {
  ThreadPool pool(2);
  std::atomic<int64_t> sum{0};
  const auto call = [&] {
    for (int i = 0; i < 500; ++i) {
      pool.parallel_for(20, 1, [&](int64_t begin, int64_t end) { sum += end - begin; });
    }
  };
  std::thread other(call);
  call();
  other.join();
  EXPECT_EQ(sum, 20000);
}

}  // namespace
}  // namespace burin::kernels
