// Runs one AVX2 kernel once on one thread, for whoever counts its instructions: kernel_once packed BITS M | attention.
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <vector>

#include "kernels/isa.h"
#include "kernels/kv_attention.h"
#include "kernels/packed.h"
#include "kernels/thread_pool.h"

namespace {

using namespace burin::kernels;

void run_packed(int bits, int64_t m) {
  PackedMatrix w{.scale_type = ScaleType::BF16, .rows = 256, .columns = 1024, .group_size = 64, .bits = bits};
  const std::vector<std::byte> memory(static_cast<size_t>(w.nbytes()));
  w.data = memory.data();
  const std::vector<float> x(static_cast<size_t>(m * w.columns), 1.0F);
  std::vector<float> y(static_cast<size_t>(m * w.rows));
  packed_matmul(w, x.data(), m, {.bound = 1e9F}, y.data());
}

void run_attention() {
  constexpr int64_t kTokens = 1024;
  constexpr int64_t kHeadDim = 128;
  KvStore store(1, kHeadDim);
  store.hold(0, kTokens);
  const std::vector<float> q(2 * kHeadDim, 0.1F);
  std::vector<float> out(q.size());
  const float* from[] = {q.data(), q.data() + kHeadDim};
  float* to[] = {out.data(), out.data() + kHeadDim};
  const int64_t visible[] = {kTokens, kTokens};
  kv_attention(store, {0, 2, from, to, visible});
}

}  // namespace

int main(int argc, char** argv) {
  if (!is_supported(Isa::Avx2) || argc < 2) {
    std::cerr << "no AVX2, or no kernel named\n";
    return 2;
  }
  set_isa(Isa::Avx2);
  set_pool_threads(1);
  if (std::strcmp(argv[1], "attention") == 0) {
    run_attention();
  } else {
    run_packed(std::atoi(argv[2]), std::atoi(argv[3]));
  }
  return 0;
}
