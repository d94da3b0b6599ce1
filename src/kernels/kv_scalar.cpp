#include "kernels/half.h"
#include "kernels/kv_store.h"
#include "kernels/kv_table.h"

namespace burin::kernels {
namespace {

float number(uint16_t element) {
  return bfloat16_to_float(element);
}

float number(int8_t element) {
  return static_cast<float>(element);
}

template <typename T>
void dot_keys(const float* const* q, int64_t rows, const KvStore& store, const KvStore::View<T>& view, int64_t blocks,
              float* scores) {
  const int64_t head_dim = store.head_dim();
  const int64_t group = store.group() == 0 ? head_dim : store.group();
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t t = 0; t < blocks * KvStore::kBlock; ++t) {
      float total = 0.0F;
      for (int64_t g = 0; g < head_dim / group; ++g) {
        float sum = 0.0F;
        for (int64_t d = g * group; d < (g + 1) * group; ++d) {
          sum += q[r][d] * number(view.keys[store.key_at(t, d)]);
        }
        total += store.group() == 0 ? sum : sum * view.key_scales[g * KvStore::kChunk + t];
      }
      scores[r * KvStore::kChunk + t] = total;
    }
  }
}

template <typename T>
void add_values(const float* p, int64_t rows, const KvStore& store, const KvStore::View<T>& view, int64_t count,
                float* acc) {
  const int64_t head_dim = store.head_dim();
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t t = 0; t < count; ++t) {
      for (int64_t i = 0; i < head_dim; ++i) {
        const float scale = store.group() == 0 ? 1.0F : view.value_scales[t * store.groups() + i / store.group()];
        acc[r * head_dim + i] += p[r * KvStore::kChunk + t] * (scale * number(view.values[store.value_at(t, i)]));
      }
    }
  }
}

}  // namespace

const KvTable& kv_scalar() {
  static constexpr KvTable kTable{{dot_keys<uint16_t>, add_values<uint16_t>}, {dot_keys<int8_t>, add_values<int8_t>}};
  return kTable;
}

}  // namespace burin::kernels
