// Process-wide settings of the numeric side, and what is in force.
#pragma once

#include <string>

namespace burin::ops {

struct RuntimeFacts {
  std::string isa;           // kernel set in use: "avx2", "scalar"
  std::string blas_library;  // file name of the library whose cblas_sgemm libmlx calls
  std::string device;        // "cpu" or "gpu"
  int threads = 0;
};

/** Worker count for kernels and BLAS; 0: as many CPUs as the process may use. */
void set_threads(int count);
int threads();

/** Never compile at run time, a cache that fits prefill, BLAS threads as the pool. Called once before the first array.
 */
void configure_cpu();

RuntimeFacts runtime_facts();

/** Waits at the end of its life for queued work: MLX does not keep its result alive, and would write into freed memory.
 * The last member or variable, so that it goes first. */
class QueueGuard {
 public:
  QueueGuard() = default;
  ~QueueGuard();
  QueueGuard(const QueueGuard&) = delete;
  QueueGuard& operator=(const QueueGuard&) = delete;
};

}  // namespace burin::ops
