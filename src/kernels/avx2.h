// Helpers for the files compiled with AVX2, FMA and F16C. Everything has internal linkage: no copy of these may serve
// a machine without AVX2.
#pragma once

#include <immintrin.h>

#include <cstdint>

#include "kernels/qmatmul.h"

namespace burin::kernels {
namespace {

template <ScaleType type>
inline __m256 load_scales(const void* values, int64_t i) {
  if constexpr (type == ScaleType::F32) {
    return _mm256_loadu_ps(static_cast<const float*>(values) + i);
  } else {
    const __m128i raw = _mm_loadu_si128(reinterpret_cast<const __m128i*>(static_cast<const uint16_t*>(values) + i));
    if constexpr (type == ScaleType::F16) {
      return _mm256_cvtph_ps(raw);
    } else {
      return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(raw), 16));
    }
  }
}

/** The first `count` < 8 values, the others zero. */
template <ScaleType type>
inline __m256 load_scales_part(const void* values, int64_t i, int64_t count) {
  constexpr int64_t kSize = type == ScaleType::F32 ? 4 : 2;
  alignas(32) uint8_t copy[32] = {};
  const auto* from = static_cast<const uint8_t*>(values) + i * kSize;
  for (int64_t b = 0; b < count * kSize; ++b) {
    copy[b] = from[b];
  }
  return load_scales<type>(copy, 0);
}

inline float horizontal_sum(__m256 v) {
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps(two, two, 1)));
}

/** The sums of four vectors, in order. */
inline __m128 horizontal_sums(__m256 a, __m256 b, __m256 c, __m256 d) {
  const __m256 all = _mm256_hadd_ps(_mm256_hadd_ps(a, b), _mm256_hadd_ps(c, d));
  return _mm_add_ps(_mm256_castps256_ps128(all), _mm256_extractf128_ps(all, 1));
}

/** Keeps the last `count` of eight lanes. */
inline __m256 keep_last(__m256 v, int64_t count) {
  const __m256i lane = _mm256_setr_epi32(8, 7, 6, 5, 4, 3, 2, 1);
  const __m256i wanted = _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(count) + 1), lane);
  return _mm256_and_ps(v, _mm256_castsi256_ps(wanted));
}

/** `kWords` 32-bit words (0..8), the other lanes zero. */
inline __m256i load_words(const uint8_t* from, int64_t words) {
  const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  return _mm256_maskload_epi32(reinterpret_cast<const int*>(from),
                               _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(words)), lane));
}

/**
 * Widens one row's scales group by group; the result holds sum(bias * sums) spread over its lanes. Buffers are padded
 * by eight.
 */
template <ScaleType type>
inline __m256 widen_row(const void* scales_from, const void* biases_from, int64_t at, int64_t groups, const float* sums,
                        float* scales) {
  __m256 total = _mm256_setzero_ps();
  const auto step = [&](int64_t g, __m256 scale, __m256 bias, __m256 sum) {
    _mm256_storeu_ps(scales + g, scale);
    total = _mm256_fmadd_ps(bias, sum, total);
  };
  int64_t g = 0;
  for (; g + 8 <= groups; g += 8) {
    step(g, load_scales<type>(scales_from, at + g), load_scales<type>(biases_from, at + g), _mm256_loadu_ps(sums + g));
  }
  if (g < groups && groups >= 8) {  // the last eight again: only what is new counts
    const int64_t last = groups - 8;
    step(last, load_scales<type>(scales_from, at + last), load_scales<type>(biases_from, at + last),
         keep_last(_mm256_loadu_ps(sums + last), groups - g));
  } else if (g < groups) {
    step(g, load_scales_part<type>(scales_from, at + g, groups - g),
         load_scales_part<type>(biases_from, at + g, groups - g), _mm256_loadu_ps(sums + g));
  }
  return total;
}

inline __m256 widen_row(const QuantizedMatrix& w, int64_t row, const float* sums, float* scales) {
  const int64_t at = row * w.groups();
  switch (w.scale_type) {
    case ScaleType::F16:
      return widen_row<ScaleType::F16>(w.scales, w.biases, at, w.groups(), sums, scales);
    case ScaleType::BF16:
      return widen_row<ScaleType::BF16>(w.scales, w.biases, at, w.groups(), sums, scales);
    default:
      break;
  }
  return widen_row<ScaleType::F32>(w.scales, w.biases, at, w.groups(), sums, scales);
}

/** Scales of the groups that eight lanes cover in step `step`: `parts` groups a step, or steps_per_group steps a group.
 */
template <int parts, int steps_per_group>
inline __m256 lane_scales(const float* scales, int64_t step) {
  if constexpr (parts == 4) {
    const __m256 four = _mm256_broadcast_ps(reinterpret_cast<const __m128*>(scales + 4 * step));
    return _mm256_permutevar_ps(four, _mm256_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3));
  } else if constexpr (parts == 2) {
    const __m256 two = _mm256_castpd_ps(_mm256_broadcast_sd(reinterpret_cast<const double*>(scales + 2 * step)));
    return _mm256_permutevar_ps(two, _mm256_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1));
  } else {
    return _mm256_broadcast_ss(scales + step / steps_per_group);
  }
}

}  // namespace
}  // namespace burin::kernels
