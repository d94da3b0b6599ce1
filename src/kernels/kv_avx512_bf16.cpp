// Products of bfloat16 pairs: queries and weights are rounded too.
#include "kernels/kv_vector.h"

namespace burin::kernels {
namespace {

/** `count`: a multiple of sixteen. */
void round_row(const float* from, int64_t count, uint16_t* to) {
  int64_t i = 0;
  for (; i + 32 <= count; i += 32) {
    const __m512bh both = _mm512_cvtne2ps_pbh(_mm512_loadu_ps(from + i + 16), _mm512_loadu_ps(from + i));
    std::memcpy(to + i, &both, sizeof both);
  }
  if (i < count) {
    const __m256bh last = _mm512_cvtneps_pbh(_mm512_loadu_ps(from + i));
    std::memcpy(to + i, &last, sizeof last);
  }
}

void dot_keys(const float* const* q, int64_t rows, const KvStore& store, const KvStore::View<uint16_t>& view,
              int64_t blocks, float* scores) {
  constexpr int64_t kDims = 1024;
  if (store.head_dim() > kDims) {
    return kv_avx512().bfloat16.dot_keys(q, rows, store, view, blocks, scores);
  }
  alignas(64) uint16_t rounded[kTall * kDims];
  const uint16_t* at[kTall];
  for (int64_t r = 0; r < rows; r += kTall) {
    const int64_t some = rows - r < kTall ? rows - r : kTall;
    for (int64_t i = 0; i < some; ++i) {
      round_row(q[r + i], store.head_dim(), rounded + i * kDims);
      at[i] = rounded + i * kDims;
    }
    dot_all(at, some, store, view, blocks, scores + r * KvStore::kChunk);
  }
}

void add_values(const float* p, int64_t rows, const KvStore& store, const KvStore::View<uint16_t>& view, int64_t count,
                float* acc) {
  alignas(64) uint16_t rounded[kTall * KvStore::kChunk];
  for (int64_t r = 0; r < rows; r += kTall) {
    const int64_t some = rows - r < kTall ? rows - r : kTall;
    round_row(p + r * KvStore::kChunk, some * KvStore::kChunk, rounded);
    add_all(rounded, some, store, view, count, acc + r * store.head_dim());
  }
}

}  // namespace

const KvTable& kv_avx512_bf16() {
  static const KvTable kTable{{dot_keys, add_values}, kv_avx512().int8};
  return kTable;
}

}  // namespace burin::kernels
