// Kernels at the shapes of a small decoder. Weights cycle over copies larger than the last-level cache, as layers do.
//   burin_bench --benchmark_filter='decode.*threads:2'
#include <benchmark/benchmark.h>

#include <cstring>
#include <random>
#include <vector>

#include "kernels/packed.h"
#include "kernels/qmatmul.h"
#include "kernels/thread_pool.h"

namespace {

using namespace burin::kernels;

constexpr size_t kColdBytes = size_t{160} << 20;

/** Copies of one random matrix with float16 scales, so many that no copy is still cached when its turn comes again. */
class ColdMatrices {
 public:
  ColdMatrices(int64_t rows, int64_t columns, int bits, int group_size)
      : shape_{.scale_type = ScaleType::F16, .rows = rows, .columns = columns, .group_size = group_size, .bits = bits},
        codes_bytes_(static_cast<size_t>(rows * columns * bits / 8)),
        scales_bytes_(static_cast<size_t>(rows * columns / group_size * 2)),
        copies_(kColdBytes / bytes() + 1),
        storage_(copies_ * bytes()) {
    std::mt19937 random(1);
    for (size_t i = 0; i + 4 <= storage_.size(); i += 4) {
      const uint32_t word = random();
      std::memcpy(storage_.data() + i, &word, 4);
    }
    for (size_t copy = 0; copy < copies_; ++copy) {
      std::memset(storage_.data() + copy * bytes() + codes_bytes_, 0x11, 2 * scales_bytes_);
    }
  }

  size_t bytes() const { return codes_bytes_ + 2 * scales_bytes_; }

  const QuantizedMatrix& next() {
    const uint8_t* at = storage_.data() + turn_++ % copies_ * bytes();
    shape_.codes = reinterpret_cast<const uint32_t*>(at);
    shape_.scales = at + codes_bytes_;
    shape_.biases = at + codes_bytes_ + scales_bytes_;
    return shape_;
  }

  /** The same bytes read as packed ones: their values do not matter. */
  PackedMatrix next_packed() {
    const QuantizedMatrix& w = next();
    return {reinterpret_cast<const std::byte*>(w.codes), w.scale_type, w.rows, w.columns, w.group_size, w.bits};
  }

 private:
  QuantizedMatrix shape_;
  size_t codes_bytes_;
  size_t scales_bytes_;
  size_t copies_;
  std::vector<uint8_t> storage_;
  size_t turn_ = 0;
};

enum Argument { kRows, kColumns, kBits, kGroup, kM, kThreads, kFast };

void quantized(benchmark::State& state) {
  set_pool_threads(static_cast<int>(state.range(kThreads)));
  const int64_t m = state.range(kM);
  ColdMatrices weights(state.range(kRows), state.range(kColumns), static_cast<int>(state.range(kBits)),
                       static_cast<int>(state.range(kGroup)));
  std::vector<float> x(static_cast<size_t>(m * state.range(kColumns)), 0.5F);
  std::vector<float> y(static_cast<size_t>(m * state.range(kRows)));
  for (auto _ : state) {
    if (state.range(kFast) != 0) {
      packed_matmul(weights.next_packed(), x.data(), m, {}, y.data());
    } else {
      quantized_matmul_exact(weights.next(), x.data(), m, y.data());
    }
    benchmark::DoNotOptimize(y.data());
  }
  const double calls = static_cast<double>(state.iterations());
  state.counters["GB/s"] =
      benchmark::Counter(calls * static_cast<double>(weights.bytes()) * 1e-9, benchmark::Counter::kIsRate);
  state.counters["GFLOP/s"] = benchmark::Counter(
      calls * 2e-9 * static_cast<double>(m * state.range(kRows) * state.range(kColumns)), benchmark::Counter::kIsRate);
}

void shapes(benchmark::internal::Benchmark* b, int64_t m) {
  b->ArgNames({"N", "K", "bits", "group", "M", "threads", "fast"})->UseRealTime();
  for (const int64_t fast : {0, 1}) {
    for (const int64_t threads : {1, 2}) {
      b->Args({576, 576, 4, 32, m, threads, fast});
      b->Args({1536, 576, 4, 32, m, threads, fast});
      b->Args({576, 1536, 4, 32, m, threads, fast});
      b->Args({4096, 4096, 4, 64, m, threads, fast});
      if (m == 1) {
        b->Args({49152, 576, 8, 32, m, threads, fast});
      }
    }
  }
}

void read_memory(benchmark::State& state) {
  set_pool_threads(static_cast<int>(state.range(0)));
  std::vector<uint64_t> words((size_t{512} << 20) / 8, 1);
  for (auto _ : state) {
    pool().parallel_for(static_cast<int64_t>(words.size()), 1 << 16, [&](int64_t begin, int64_t end) {
      uint64_t sums[8] = {};
      for (int64_t i = begin; i + 8 <= end; i += 8) {
        for (int64_t j = 0; j < 8; ++j) {
          sums[j] += words[static_cast<size_t>(i + j)];
        }
      }
      benchmark::DoNotOptimize(sums);
    });
  }
  state.counters["GB/s"] =
      benchmark::Counter(static_cast<double>(state.iterations()) * 0.536870912, benchmark::Counter::kIsRate);
}

void fork_and_join(benchmark::State& state) {
  set_pool_threads(static_cast<int>(state.range(0)));
  for (auto _ : state) {
    pool().parallel_for(64, 1, [](int64_t begin, int64_t) { benchmark::DoNotOptimize(begin); });
  }
}

BENCHMARK(quantized)->Name("decode")->Apply([](auto* b) { shapes(b, 1); });
/** A few rows at a time: batches, and guesses that are checked. */
void few_rows(benchmark::internal::Benchmark* b) {
  b->ArgNames({"N", "K", "bits", "group", "M", "threads", "fast"})->UseRealTime();
  for (const int fast : {0, 1}) {
    for (const int m : {2, 4, 6, 8, 16, 32}) {
      b->Args({1536, 576, 4, 32, m, 1, fast});
    }
  }
}

BENCHMARK(quantized)->Name("few")->Apply(few_rows);
BENCHMARK(quantized)->Name("prefill")->Apply([](auto* b) { shapes(b, 128); });
BENCHMARK(read_memory)->ArgName("threads")->Arg(1)->Arg(2)->UseRealTime();
BENCHMARK(fork_and_join)->ArgName("threads")->Arg(2)->UseRealTime();

}  // namespace
