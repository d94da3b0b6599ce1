#include "kernels/dense.h"

#include <algorithm>

#include "kernels/half.h"
#include "kernels/isa_table.h"
#include "kernels/thread_pool.h"

namespace burin::kernels {
namespace {

constexpr int64_t kGrainWeights = 16 << 10;  // times rows of x, that are worth handing to another thread

const DenseTable& table() {
  return kernels_in_use().dense();
}

template <ScaleType type>
float value_at(const void* data, int64_t i) {
  if constexpr (type == ScaleType::F32) {
    return static_cast<const float*>(data)[i];
  } else {
    const uint16_t bits = static_cast<const uint16_t*>(data)[i];
    return type == ScaleType::F16 ? float16_to_float(bits) : bfloat16_to_float(bits);
  }
}

template <ScaleType type>
void rows_of(const DenseMatrix& w, const float* x, int64_t m, int64_t begin, int64_t end, float* y) {
  for (int64_t r = begin; r < end; ++r) {
    for (int64_t i = 0; i < m; ++i) {
      float sum = 0.0F;
      for (int64_t k = 0; k < w.columns; ++k) {
        sum += value_at<type>(w.data, r * w.columns + k) * x[i * w.columns + k];
      }
      y[i * w.rows + r] = sum;
    }
  }
}

void rows(const DenseMatrix& w, const float* x, int64_t m, int64_t begin, int64_t end, float* y) {
  switch (w.type) {
    case ScaleType::F16:
      return rows_of<ScaleType::F16>(w, x, m, begin, end, y);
    case ScaleType::BF16:
      return rows_of<ScaleType::BF16>(w, x, m, begin, end, y);
    default:
      return rows_of<ScaleType::F32>(w, x, m, begin, end, y);
  }
}

}  // namespace

const DenseTable& dense_scalar() {
  static constexpr DenseTable kTable{rows};
  return kTable;
}

void dense_matmul(const DenseMatrix& w, const float* x, int64_t m, float* y) {
  if (m <= 0) {
    return;
  }
  const DenseTable& t = table();
  const int64_t grain = kGrainWeights / std::max<int64_t>(1, kDenseRows * w.columns * m);
  pool().parallel_for(
      (w.rows + kDenseRows - 1) / kDenseRows, std::max<int64_t>(1, grain),
      [&](int64_t begin, int64_t end) { t.rows(w, x, m, begin * kDenseRows, std::min(end * kDenseRows, w.rows), y); });
}

}  // namespace burin::kernels
