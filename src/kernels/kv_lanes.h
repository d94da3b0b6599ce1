// Sixteen floats, keys or dimensions of values side by side, for kv_vector.h. Each instruction set includes this in a
// file of its own: everything has internal linkage.
#pragma once

#include <cstdint>
#include <cstring>

#if defined(__AVX2__)
#include <immintrin.h>
#elif defined(__ARM_NEON)
#include "kernels/neon.h"
#endif

namespace burin::kernels {
namespace {

#if defined(__AVX512F__)

using Floats = float __attribute__((vector_size(64)));
constexpr int kSums = 16;  // of Floats, that registers hold beside what is multiplied
constexpr int kTall = 8;   // rows of queries that share a load of sixteen keys

inline Floats load_sixteen(const int8_t* from) {
  return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from))));
}

#elif defined(__AVX2__)

struct Floats {  // no compiler keeps the vector type of 512 bits in registers of 256
  __m256 at[2];
};
constexpr int kSums = 4;
constexpr int kTall = 4;

inline Floats operator*(float a, const Floats& b) {
  return {{_mm256_mul_ps(_mm256_set1_ps(a), b.at[0]), _mm256_mul_ps(_mm256_set1_ps(a), b.at[1])}};
}

inline Floats operator*(const Floats& a, const Floats& b) {
  return {{_mm256_mul_ps(a.at[0], b.at[0]), _mm256_mul_ps(a.at[1], b.at[1])}};
}

inline Floats& operator+=(Floats& a, const Floats& b) {
  a.at[0] = _mm256_add_ps(a.at[0], b.at[0]);
  a.at[1] = _mm256_add_ps(a.at[1], b.at[1]);
  return a;
}

inline Floats load_sixteen(const int8_t* from) {
  const auto eight = [from](int i) {
    return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(from + i))));
  };
  return {{eight(0), eight(8)}};
}

#elif defined(__ARM_NEON)

using Floats = Sixteen;
constexpr int kSums = 4;
constexpr int kTall = 4;

inline Floats load_sixteen(const int8_t* from) {
  return to_floats(vld1q_s8(from));
}

#endif

#if defined(__AVX2__) && !defined(__AVX512F__)

inline Floats load_floats(const float* from) {
  return {{_mm256_loadu_ps(from), _mm256_loadu_ps(from + 8)}};
}

inline void store_floats(float* to, const Floats& values) {
  _mm256_storeu_ps(to, values.at[0]);
  _mm256_storeu_ps(to + 8, values.at[1]);
}

#else

inline Floats load_floats(const float* from) {
  Floats values;
  std::memcpy(&values, from, sizeof values);
  return values;
}

inline void store_floats(float* to, const Floats& values) {
  std::memcpy(to, &values, sizeof values);
}

#endif

#if defined(__AVX512BF16__)

using Factor = uint16_t;  // queries and weights, as they are multiplied with bfloat16
using Pairs = __m512bh;   // sixteen pairs of bfloat16

inline Pairs load_pairs(const uint16_t* from) {
  return reinterpret_cast<Pairs>(_mm512_loadu_si512(from));
}

inline Pairs first_of(Pairs pairs) {
  return reinterpret_cast<Pairs>(_mm512_and_si512(reinterpret_cast<__m512i>(pairs), _mm512_set1_epi32(0xffff)));
}

/** sum += factors[0] * first of each pair + factors[1] * second. */
inline void add_product(const Factor* factors, Pairs pairs, Floats& sum) {
  int both;
  std::memcpy(&both, factors, sizeof both);
  sum = _mm512_dpbf16_ps(sum, reinterpret_cast<Pairs>(_mm512_set1_epi32(both)), pairs);
}

#else

using Factor = float;
struct Pairs {
  Floats first, second;
};

#if defined(__AVX512F__)

inline Pairs load_pairs(const uint16_t* from) {
  const __m512i both = _mm512_loadu_si512(from);
  return {_mm512_castsi512_ps(_mm512_slli_epi32(both, 16)),
          _mm512_castsi512_ps(_mm512_and_si512(both, _mm512_set1_epi32(-0x10000)))};
}

#elif defined(__AVX2__)

inline Pairs load_pairs(const uint16_t* from) {
  const auto* const at = reinterpret_cast<const __m256i*>(from);
  const __m256i both[] = {_mm256_loadu_si256(at), _mm256_loadu_si256(at + 1)};
  const __m256i first[] = {_mm256_slli_epi32(both[0], 16), _mm256_slli_epi32(both[1], 16)};
  // Blended with `first`, whose low halves are zero: a mask would take a register that the sums need.
  return {{_mm256_castsi256_ps(first[0]), _mm256_castsi256_ps(first[1])},
          {_mm256_castsi256_ps(_mm256_blend_epi16(first[0], both[0], 0xaa)),
           _mm256_castsi256_ps(_mm256_blend_epi16(first[1], both[1], 0xaa))}};
}

#elif defined(__ARM_NEON)

inline Pairs load_pairs(const uint16_t* from) {
  const auto four = [from](int i) { return vreinterpretq_u32_u16(vld1q_u16(from + 8 * i)); };
  const uint32x4_t high = vdupq_n_u32(0xffff0000U);
  return {each_of<Floats>([&](int i) { return vreinterpretq_f32_u32(vshlq_n_u32(four(i), 16)); }),
          each_of<Floats>([&](int i) { return vreinterpretq_f32_u32(vandq_u32(four(i), high)); })};
}

#endif

/** The second of each pair is zero. */
inline Pairs first_of(const Pairs& pairs) {
  return {pairs.first, Floats{}};
}

/** sum += factors[0] * first of each pair + factors[1] * second. */
inline void add_product(const Factor* factors, const Pairs& pairs, Floats& sum) {
  sum += factors[0] * pairs.first;
  sum += factors[1] * pairs.second;
}

#endif

}  // namespace
}  // namespace burin::kernels
