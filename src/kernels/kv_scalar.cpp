#include "kernels/half.h"
#include "kernels/kv_store.h"
#include "kernels/kv_table.h"

namespace burin::kernels {
namespace {

void dot_keys(const float* const* q, int64_t rows, const uint16_t* keys, int64_t blocks, int64_t head_dim,
              float* scores) {
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t t = 0; t < blocks * KvStore::kBlock; ++t) {
      const uint16_t* const block = keys + t / KvStore::kBlock * KvStore::kBlock * head_dim + t % KvStore::kBlock;
      float sum = 0.0F;
      for (int64_t d = 0; d < head_dim; ++d) {
        sum += q[r][d] * bfloat16_to_float(block[d * KvStore::kBlock]);
      }
      scores[r * KvStore::kChunk + t] = sum;
    }
  }
}

void add_values(const float* p, int64_t rows, const uint16_t* values, int64_t count, int64_t head_dim, float* acc) {
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t t = 0; t < count; ++t) {
      for (int64_t i = 0; i < head_dim; ++i) {
        acc[r * head_dim + i] += p[r * KvStore::kChunk + t] * bfloat16_to_float(values[t * head_dim + i]);
      }
    }
  }
}

}  // namespace

const KvTable& kv_scalar() {
  static constexpr KvTable kTable{dot_keys, add_values};
  return kTable;
}

}  // namespace burin::kernels
