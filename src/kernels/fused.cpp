#include "kernels/fused.h"

#include <algorithm>

#include "kernels/fused_table.h"
#include "kernels/isa_table.h"
#include "kernels/thread_pool.h"

namespace burin::kernels {
namespace {

constexpr int64_t kGrain = 16384;  // elements that are worth handing to another thread

void rotate_pairs(const float* x, const float* cosines, const float* sines, int64_t half, float* out) {
  for (int64_t i = 0; i < half; ++i) {
    const float a = x[2 * i];
    const float b = x[2 * i + 1];
    out[2 * i] = a * cosines[i] - b * sines[i];
    out[2 * i + 1] = a * sines[i] + b * cosines[i];
  }
}

}  // namespace

const FusedTable& fused_table() {
  return kernels_in_use().fused();
}

void rms_norm(const float* x, const float* weight, int64_t rows, int64_t columns, float eps, float* out) {
  const FusedTable& t = fused_table();
  pool().parallel_for(rows, kGrain / std::max<int64_t>(columns, 1) + 1, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      t.rms_norm_row(x + r * columns, weight, columns, eps, out + r * columns);
    }
  });
}

void swiglu(const float* gate, const float* up, int64_t count, float* out) {
  const FusedTable& t = fused_table();
  pool().parallel_for(
      count, kGrain, [&](int64_t begin, int64_t end) { t.swiglu(gate + begin, up + begin, end - begin, out + begin); });
}

void gelu_tanh_mul(const float* gate, const float* up, int64_t count, float* out) {
  const FusedTable& t = fused_table();
  pool().parallel_for(count, kGrain, [&](int64_t begin, int64_t end) {
    t.gelu_tanh_mul(gate + begin, up + begin, end - begin, out + begin);
  });
}

void rope(const RopeShape& s, const float* x, const float* cosines, const float* sines, float* out) {
  const auto rotate = s.traditional ? rotate_pairs : fused_table().rotate_halves;
  const int64_t half = s.dims / 2;
  const int64_t rows = s.batch * s.heads * s.length;
  pool().parallel_for(rows, kGrain / std::max<int64_t>(s.head_dim, 1) + 1, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      const int64_t l = r % s.length;
      const int64_t h = r / s.length % s.heads;
      const int64_t b = r / s.length / s.heads;
      const float* from = x + b * s.batch_stride + h * s.head_stride + l * s.length_stride;
      float* to = out + r * s.head_dim;
      rotate(from, cosines + l * half, sines + l * half, half, to);
      std::copy(from + s.dims, from + s.head_dim, to + s.dims);
    }
  });
}

}  // namespace burin::kernels
