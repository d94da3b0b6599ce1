// Two rows of W against up to four of x, eight columns at a time. A code times its scale is exact, so is every weight.
#include "kernels/avx2.h"
#include "kernels/float_codes_table.h"

namespace burin::kernels {
namespace {

constexpr int kTile = 4;

template <FloatCode code>
inline __m256 eight_codes(const uint8_t* row, int64_t column) {
  if constexpr (code == FloatCode::E2M1) {
    int32_t word;
    __builtin_memcpy(&word, row + column / 2, sizeof word);
    const __m256i nibbles = _mm256_srlv_epi32(_mm256_set1_epi32(word), _mm256_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28));
    const __m256 table = _mm256_setr_ps(0.0F, 0.5F, 1.0F, 1.5F, 2.0F, 3.0F, 4.0F, 6.0F);
    const __m256i sign = _mm256_and_si256(_mm256_slli_epi32(nibbles, 28), _mm256_set1_epi32(INT32_MIN));
    return _mm256_or_ps(_mm256_permutevar8x32_ps(table, nibbles), _mm256_castsi256_ps(sign));
  } else {
    const __m128i bytes = _mm_cvtepu8_epi16(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(row + column)));
    const __m128i magnitude = _mm_slli_epi16(_mm_and_si128(bytes, _mm_set1_epi16(0x7f)), 7);
    const __m128i sign = _mm_slli_epi16(_mm_and_si128(bytes, _mm_set1_epi16(0x80)), 8);
    return _mm256_mul_ps(_mm256_cvtph_ps(_mm_or_si128(magnitude, sign)), _mm256_set1_ps(256.0F));
  }
}

template <ScaleType scale>
inline float scale_of(uint8_t bits) {
  if constexpr (scale == ScaleType::E4M3) {
    return 256.0F * _cvtsh_ss(static_cast<uint16_t>((bits & 0x80U) << 8 | (bits & 0x7fU) << 7));
  } else {
    const uint32_t word = bits == 0 ? 0x400000U : static_cast<uint32_t>(bits) << 23;
    float value;
    __builtin_memcpy(&value, &word, sizeof value);
    return value;
  }
}

/** Two rows of W (the second may repeat the first) against `columns` rows of x: out[i][j]. */
template <FloatCode code, ScaleType scale, int columns>
inline void tile(const FloatCodeMatrix& w, const int64_t (&rows)[2], const float* x, float (&out)[2][kTile]) {
  __m256 total[2][columns];
#pragma GCC unroll 4
  for (int j = 0; j < columns; ++j) {
    total[0][j] = total[1][j] = _mm256_setzero_ps();
  }
  const uint8_t* const codes[2] = {w.row(rows[0]), w.row(rows[1])};
  const uint8_t* const scales[2] = {w.scales + rows[0] * w.groups(), w.scales + rows[1] * w.groups()};
  for (int64_t g = 0; g < w.groups(); ++g) {
    const __m256 by[2] = {_mm256_set1_ps(scale_of<scale>(scales[0][g])), _mm256_set1_ps(scale_of<scale>(scales[1][g]))};
    for (int64_t k = g * w.group_size; k < (g + 1) * w.group_size; k += 8) {
      const __m256 values[2] = {_mm256_mul_ps(eight_codes<code>(codes[0], k), by[0]),
                                _mm256_mul_ps(eight_codes<code>(codes[1], k), by[1])};
#pragma GCC unroll 4
      for (int j = 0; j < columns; ++j) {
        const __m256 eight = _mm256_loadu_ps(x + j * w.columns + k);
        total[0][j] = _mm256_fmadd_ps(values[0], eight, total[0][j]);
        total[1][j] = _mm256_fmadd_ps(values[1], eight, total[1][j]);
      }
    }
  }
  for (int j = 0; j < columns; ++j) {
    out[0][j] = horizontal_sum(total[0][j]);
    out[1][j] = horizontal_sum(total[1][j]);
  }
}

template <FloatCode code, ScaleType scale>
void rows_of(const FloatCodeMatrix& w, const float* x, int64_t m, int64_t begin, int64_t end, float* y) {
  using Tile = void (*)(const FloatCodeMatrix&, const int64_t(&)[2], const float*, float(&)[2][kTile]);
  static constexpr Tile kTiles[kTile] = {tile<code, scale, 1>, tile<code, scale, 2>, tile<code, scale, 3>,
                                         tile<code, scale, 4>};
  for (int64_t r = begin; r < end; r += 2) {
    const int64_t rows[2] = {r, r + 1 < end ? r + 1 : r};
    for (int64_t i = 0; i < m; i += kTile) {
      const int64_t count = m - i < kTile ? m - i : kTile;
      float out[2][kTile];
      kTiles[count - 1](w, rows, x + i * w.columns, out);
      for (int64_t j = 0; j < count; ++j) {
        y[(i + j) * w.rows + rows[0]] = out[0][j];
        y[(i + j) * w.rows + rows[1]] = out[1][j];
      }
    }
  }
}

void rows(const FloatCodeMatrix& w, const float* x, int64_t m, int64_t begin, int64_t end, float* y) {
  if (w.code == FloatCode::E4M3) {
    return rows_of<FloatCode::E4M3, ScaleType::E8M0>(w, x, m, begin, end, y);
  }
  w.scale == ScaleType::E8M0 ? rows_of<FloatCode::E2M1, ScaleType::E8M0>(w, x, m, begin, end, y)
                             : rows_of<FloatCode::E2M1, ScaleType::E4M3>(w, x, m, begin, end, y);
}

}  // namespace

const FloatCodesTable& float_codes_avx2() {
  static constexpr FloatCodesTable kTable{rows};
  return kTable;
}

}  // namespace burin::kernels
