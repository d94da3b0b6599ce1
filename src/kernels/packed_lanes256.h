// Sixteen rows in two registers of 256 bits, and the rounding of activations, for packed_tile.h. Included where AVX2 is
// switched on: everything has internal linkage.
#pragma once

#include <immintrin.h>

#include <bit>

#include "kernels/packed_tile.h"

namespace burin::kernels {
namespace {

/** All but the sums of products. */
struct Lanes256 {
  struct Codes {
    __m256i a, b;
  };
  struct Floats {
    __m256 a, b;
  };
  static constexpr int kRecords = 1;

  static __m256i spread(const int8_t* x) {
    int32_t four;
    __builtin_memcpy(&four, x, sizeof four);
    return _mm256_set1_epi32(four);
  }

  static Codes load(const std::byte* from) {
    const auto* at = reinterpret_cast<const __m256i*>(from);
    return {_mm256_loadu_si256(at), _mm256_loadu_si256(at + 1)};
  }
  static __m256i low_half(__m256i raw) { return _mm256_and_si256(raw, _mm256_set1_epi8(15)); }
  static __m256i high_half(__m256i raw) { return low_half(_mm256_srli_epi16(raw, 4)); }
  static Codes low(Codes raw) { return {low_half(raw.a), low_half(raw.b)}; }
  static Codes high(Codes raw) { return {high_half(raw.a), high_half(raw.b)}; }
  static Codes half(Codes raw, int shift) {
    const __m128i by = _mm_cvtsi32_si128(shift);
    return {low_half(_mm256_srl_epi16(raw.a, by)), low_half(_mm256_srl_epi16(raw.b, by))};
  }
  static Codes levels(Codes half) {
    const __m256i table = _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(kLevels)));
    return {_mm256_shuffle_epi8(table, half.a), _mm256_shuffle_epi8(table, half.b)};
  }
  static void prefetch(const std::byte* at) { _mm_prefetch(reinterpret_cast<const char*>(at), _MM_HINT_T0); }

  static Floats zero() { return {_mm256_setzero_ps(), _mm256_setzero_ps()}; }
  /** 2^-127 counts as nothing: the scale of a group of zeros, and slow to multiply with. */
  static __m256 powers(const std::byte* from) {
    return _mm256_castsi256_ps(
        _mm256_slli_epi32(_mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(from))), 23));
  }
  static Floats byte_factors(const std::byte* from, ScaleType type) {
    if (type == ScaleType::E8M0) {
      return {powers(from), powers(from + 8)};
    }
    const __m256i bytes = _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
    const __m256i sign = _mm256_slli_epi16(_mm256_and_si256(bytes, _mm256_set1_epi16(0x80)), 8);
    const __m256i half = _mm256_or_si256(_mm256_slli_epi16(_mm256_and_si256(bytes, _mm256_set1_epi16(0x7f)), 7), sign);
    return multiply({_mm256_cvtph_ps(_mm256_castsi256_si128(half)), _mm256_cvtph_ps(_mm256_extracti128_si256(half, 1))},
                    256.0F);
  }
  static Floats factors(const std::byte* from, ScaleType type) {
    if (type == ScaleType::F32) {
      const auto* at = reinterpret_cast<const float*>(from);
      return {_mm256_loadu_ps(at), _mm256_loadu_ps(at + 8)};
    }
    const auto* at = reinterpret_cast<const __m128i*>(from);
    const auto widen = [type](__m128i half) {
      return type == ScaleType::F16 ? _mm256_cvtph_ps(half)
                                    : _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(half), 16));
    };
    return {widen(_mm_loadu_si128(at)), widen(_mm_loadu_si128(at + 1))};
  }
  static Floats multiply(Floats v, float by) {
    return {_mm256_mul_ps(v.a, _mm256_set1_ps(by)), _mm256_mul_ps(v.b, _mm256_set1_ps(by))};
  }
  static Floats multiply_add(Floats v, float by, Floats plus) {
    return {_mm256_fmadd_ps(v.a, _mm256_set1_ps(by), plus.a), _mm256_fmadd_ps(v.b, _mm256_set1_ps(by), plus.b)};
  }
  static Floats multiply_add(Floats v, Floats by, Floats plus) {
    return {_mm256_fmadd_ps(v.a, by.a, plus.a), _mm256_fmadd_ps(v.b, by.b, plus.b)};
  }
  static void store_eight(float* to, __m256 v, int64_t rows, bool add) {
    const __m256i mask =
        _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(rows)), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
    if (add) {
      v = _mm256_add_ps(v, _mm256_maskload_ps(to, mask));
    }
    _mm256_maskstore_ps(to, mask, v);
  }
  static void store(float* to, Floats v, int64_t rows, bool add) {
    store_eight(to, v.a, rows, add);
    if (rows > 8) {
      store_eight(to + 8, v.b, rows - 8, add);
    }
  }
};

inline __m256i widen_pairs(__m256i pairs) {
  return _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
}

inline __m256i to_bytes(const __m256i (&parts)[4]) {
  const __m256i bytes =
      _mm256_packs_epi16(_mm256_packs_epi32(parts[0], parts[1]), _mm256_packs_epi32(parts[2], parts[3]));
  return _mm256_permutevar8x32_epi32(bytes, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
}

RowFacts measure_row(const float* x, int64_t columns) {
  const __m256i magnitude = _mm256_set1_epi32(0x7fffffff);
  __m256i top = _mm256_setzero_si256();
  __m256 sum[4] = {_mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps()};
  for (int64_t i = 0; i < columns; i += 32) {
#pragma GCC unroll 4
    for (int h = 0; h < 4; ++h) {
      const __m256i values = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(x + i + 8 * h));
      const __m256i bits = _mm256_and_si256(values, magnitude);
      top = _mm256_max_epu32(top, bits);
      sum[h] = _mm256_add_ps(sum[h], _mm256_castsi256_ps(bits));
    }
  }
  alignas(32) float lanes[8];
  _mm256_store_ps(lanes, _mm256_add_ps(_mm256_add_ps(sum[0], sum[2]), _mm256_add_ps(sum[1], sum[3])));
  __m128i four = _mm_max_epu32(_mm256_castsi256_si128(top), _mm256_extracti128_si256(top, 1));
  four = _mm_max_epu32(four, _mm_shuffle_epi32(four, 0x4e));
  four = _mm_max_epu32(four, _mm_shuffle_epi32(four, 0xb1));
  return {std::bit_cast<float>(_mm_cvtsi128_si32(four)), add_halves(lanes, 8)};
}

inline int sum_of(__m256i eight) {
  __m128i four = _mm_add_epi32(_mm256_castsi256_si128(eight), _mm256_extracti128_si256(eight, 1));
  four = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0x4e));
  four = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0xb1));
  return _mm_cvtsi128_si32(four);
}

RoundedPart round_part(const float* x, float inverse, int8_t* low, int8_t* high) {
  const __m256 by = _mm256_set1_ps(inverse);
  __m256i lows[4];
  __m256i highs[4];
  __m256i sum = _mm256_setzero_si256();
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    const __m256i rounded = _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_loadu_ps(x + 8 * i), by));
    sum = _mm256_add_epi32(sum, rounded);
    highs[i] = _mm256_srai_epi32(_mm256_add_epi32(rounded, _mm256_set1_epi32(128)), 8);
    lows[i] = _mm256_sub_epi32(rounded, _mm256_slli_epi32(highs[i], 8));
  }
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(low), to_bytes(lows));
  const __m256i bytes = to_bytes(highs);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(high), bytes);
  const __m256i zeros = _mm256_cmpeq_epi32(bytes, _mm256_setzero_si256());
  return {sum_of(sum), static_cast<uint32_t>(_mm256_movemask_ps(_mm256_castsi256_ps(zeros))) ^ 0xffU};
}

}  // namespace
}  // namespace burin::kernels
