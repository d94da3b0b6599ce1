// Sixteen rows in one register of 512 bits, and the rounding of activations, for packed_tile.h. Included where AVX-512
// is switched on: everything has internal linkage.
#pragma once

#include <immintrin.h>

#include <bit>

#include "kernels/packed_tile.h"

namespace burin::kernels {
namespace {

/** All but the sums of products. */
struct Lanes512 {
  using Codes = __m512i;
  using Floats = __m512;
  static constexpr int kRecords = 2;
  static constexpr int kColumns = 4;

  static __m512i spread(const int8_t* x) {
    int32_t four;
    __builtin_memcpy(&four, x, sizeof four);
    return _mm512_set1_epi32(four);
  }
  static Codes load(const std::byte* from) { return _mm512_loadu_si512(from); }
  static Codes low(Codes raw) { return _mm512_and_si512(raw, _mm512_set1_epi8(15)); }
  static Codes high(Codes raw) { return _mm512_and_si512(_mm512_srli_epi16(raw, 4), _mm512_set1_epi8(15)); }
  static Codes half(Codes raw, int shift) {
    return _mm512_and_si512(_mm512_srl_epi16(raw, _mm_cvtsi32_si128(shift)), _mm512_set1_epi8(15));
  }
  static Codes levels(Codes half) {
    const __m128i table = _mm_loadu_si128(reinterpret_cast<const __m128i*>(kLevels));
    return _mm512_shuffle_epi8(_mm512_broadcast_i32x4(table), half);
  }
  static void prefetch(const std::byte* at) { _mm_prefetch(reinterpret_cast<const char*>(at), _MM_HINT_T0); }

  static Floats zero() { return _mm512_setzero_ps(); }
  /** 2^-127 counts as nothing: the scale of a group of zeros, and slow to multiply with. */
  static Floats byte_factors(const std::byte* from, ScaleType type) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
    if (type == ScaleType::E8M0) {
      return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu8_epi32(bytes), 23));
    }
    const __m256i words = _mm256_cvtepu8_epi16(bytes);
    const __m256i sign = _mm256_slli_epi16(_mm256_and_si256(words, _mm256_set1_epi16(0x80)), 8);
    const __m256i magnitude = _mm256_slli_epi16(_mm256_and_si256(words, _mm256_set1_epi16(0x7f)), 7);
    return multiply(_mm512_cvtph_ps(_mm256_or_si256(magnitude, sign)), 256.0F);
  }
  static Floats factors(const std::byte* from, ScaleType type) {
    if (type == ScaleType::F32) {
      return _mm512_loadu_ps(from);
    }
    const __m256i half = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
    return type == ScaleType::F16 ? _mm512_cvtph_ps(half)
                                  : _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16));
  }
  static Floats multiply(Floats a, float b) { return _mm512_mul_ps(a, _mm512_set1_ps(b)); }
  static Floats multiply_add(Floats a, float b, Floats c) { return _mm512_fmadd_ps(a, _mm512_set1_ps(b), c); }
  static Floats multiply_add(Floats a, Floats b, Floats c) { return _mm512_fmadd_ps(a, b, c); }
  static void store(float* to, Floats v, int64_t rows, bool add) {
    const auto mask = static_cast<__mmask16>(rows >= kLanes ? 0xffffU : (1U << (rows > 0 ? rows : 0)) - 1);
    if (add) {
      v = _mm512_add_ps(v, _mm512_maskz_loadu_ps(mask, to));
    }
    _mm512_mask_storeu_ps(to, mask, v);
  }
};

RowFacts measure_row(const float* x, int64_t columns) {
  const __m512i magnitude = _mm512_set1_epi32(0x7fffffff);
  __m512i top = _mm512_setzero_si512();
  __m512 sum[2] = {_mm512_setzero_ps(), _mm512_setzero_ps()};
  for (int64_t i = 0; i < columns; i += 32) {
#pragma GCC unroll 2
    for (int h = 0; h < 2; ++h) {
      const __m512i bits = _mm512_and_si512(_mm512_loadu_si512(x + i + 16 * h), magnitude);
      top = _mm512_max_epu32(top, bits);
      sum[h] = _mm512_add_ps(sum[h], _mm512_castsi512_ps(bits));
    }
  }
  alignas(64) float lanes[16];
  _mm512_store_ps(lanes, _mm512_add_ps(sum[0], sum[1]));
  return {std::bit_cast<float>(_mm512_reduce_max_epu32(top)), add_halves(lanes, 16)};
}

RoundedPart round_part(const float* x, float inverse, int8_t* low, int8_t* high) {
  const __m512 by = _mm512_set1_ps(inverse);
  __m512i sum = _mm512_setzero_si512();
  uint32_t wide = 0;
#pragma GCC unroll 2
  for (int i = 0; i < 32; i += 16) {
    const __m512i rounded = _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_loadu_ps(x + i), by));
    sum = _mm512_add_epi32(sum, rounded);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(low + i), _mm512_cvtepi32_epi8(rounded));
    const __m512i above = _mm512_srai_epi32(_mm512_add_epi32(rounded, _mm512_set1_epi32(128)), 8);
    const __m128i bytes = _mm512_cvtepi32_epi8(above);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(high + i), bytes);
    wide |= static_cast<uint32_t>(_mm_movemask_ps(
                _mm_castsi128_ps(_mm_xor_si128(_mm_cmpeq_epi32(bytes, _mm_setzero_si128()), _mm_set1_epi32(-1)))))
            << (i / 4);
  }
  return {_mm512_reduce_add_epi32(sum), wide};
}

}  // namespace
}  // namespace burin::kernels
