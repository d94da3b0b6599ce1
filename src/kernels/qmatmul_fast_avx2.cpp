// Integer products. 4 bits: codes 0..15 times int8 by maddubs; two products of at most 2 * 15 * 127 add up in int16.
// 8 bits: codes minus 128 as sign and magnitude, 2 * 128 * 127 = 32512 stays in int16; the bias makes up for the 128.
#include "kernels/avx2.h"
#include "kernels/qmatmul_avx2.h"

namespace burin::kernels::avx2 {
namespace {

/** Codes of one step of a row (64 columns at 4 bits, 32 at 8), ready for dot(). */
template <int bits>
struct Codes {
  __m256i a;  // 4 bits: columns 0, 2, ..; 8 bits: code - 128
  __m256i b;  // 4 bits: columns 1, 3, ..; 8 bits: its magnitude
};

template <int bits>
inline Codes<bits> split(__m256i raw) {
  if constexpr (bits == 4) {
    const __m256i low = _mm256_set1_epi8(15);
    return {_mm256_and_si256(raw, low), _mm256_and_si256(_mm256_srli_epi16(raw, 4), low)};
  } else {
    const __m256i centred = _mm256_xor_si256(raw, _mm256_set1_epi8(-128));
    return {centred, _mm256_abs_epi8(centred)};
  }
}

inline __m256i load_bytes(const void* from) {
  return _mm256_loadu_si256(static_cast<const __m256i*>(from));
}

template <int bits>
inline __m256 dot(const Codes<bits>& codes, const int8_t* x) {
  __m256i pairs;
  if constexpr (bits == 4) {
    pairs = _mm256_add_epi16(_mm256_maddubs_epi16(codes.a, load_bytes(x)),
                             _mm256_maddubs_epi16(codes.b, load_bytes(x + 32)));
  } else {
    pairs = _mm256_maddubs_epi16(codes.b, _mm256_sign_epi8(load_bytes(x), codes.a));
  }
  return _mm256_cvtepi32_ps(_mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}

template <int bits>
struct Steps {
  static constexpr int kColumns = bits == 4 ? 64 : 32;  // of one step
  static constexpr int kBytes = bits == 4 ? 64 : 32;    // int8 activations of one step
  static constexpr float kCentre = bits == 4 ? 0.0F : 128.0F;
};

/** Scales of a row times the scales of x, one for each activation group; returns the biases' part of the result. */
inline __m256 scale_row(const QuantizedMatrix& w, const FastInput& x, int64_t row, float centre, float* scales) {
  if (w.group_size <= 64) {
    return widen_row(w, row, x.scales, x.sums, centre, scales);
  }
  float* raw = scales + w.columns / 64;
  const __m256 total = widen_row(w, row, nullptr, x.sums, centre, raw);
  for (int64_t g = 0; g < w.groups(); ++g) {
    const float scale = raw[g];
    scales[2 * g] = scale * x.scales[2 * g];
    scales[2 * g + 1] = scale * x.scales[2 * g + 1];
  }
  return total;
}

/** Four rows against the only row of x. `group` is the activation group. */
template <int bits, int group>
void four_rows(const QuantizedMatrix& w, const FastInput& x, const int64_t (&rows)[kRowBlock], float* scratch,
               float* out) {
  using S = Steps<bits>;
  constexpr int kParts = S::kColumns > group ? S::kColumns / group : 1;
  constexpr int kStepsPerGroup = group > S::kColumns ? group / S::kColumns : 1;
  const int64_t stride = w.columns / 32 + 2 * kGroupPad;
  const uint8_t* from[kRowBlock];
  __m256 total[kRowBlock];
#pragma GCC unroll 4
  for (int i = 0; i < kRowBlock; ++i) {
    from[i] = w.row(rows[i]);
    total[i] = scale_row(w, x, rows[i], S::kCentre, scratch + i * stride);
  }
  const auto step = [&](int64_t s, auto&& load) {
#pragma GCC unroll 4
    for (int i = 0; i < kRowBlock; ++i) {
      const __m256 products = dot<bits>(split<bits>(load(from[i] + s * 32)), x.codes + s * S::kBytes);
      total[i] = _mm256_fmadd_ps(lane_scales<kParts, kStepsPerGroup>(scratch + i * stride, s), products, total[i]);
    }
  };
  const int64_t steps = w.columns / S::kColumns;
  for (int64_t s = 0; s < steps; ++s) {
    step(s, [](const uint8_t* p) { return load_bytes(p); });
  }
  if (w.columns % S::kColumns != 0) {  // half a step, only with groups of 32
#pragma GCC unroll 4
    for (int i = 0; i < kRowBlock; ++i) {
      scratch[i * stride + w.groups()] = 0.0F;
    }
    step(steps, [](const uint8_t* p) { return load_words(p, 4); });
  }
  _mm_storeu_ps(out, horizontal_sums(total[0], total[1], total[2], total[3]));
}

template <int bits, int group>
void vector_rows(const QuantizedMatrix& w, const FastInput& x, int64_t begin, int64_t end, float* scratch, float* y) {
  for (int64_t r = begin; r < end; r += kRowBlock) {
    int64_t rows[kRowBlock];
#pragma GCC unroll 4
    for (int i = 0; i < kRowBlock; ++i) {
      rows[i] = r + i < end ? r + i : end - 1;
    }
    float out[kRowBlock];
    four_rows<bits, group>(w, x, rows, scratch, out);
    for (int i = 0; i < kRowBlock && r + i < end; ++i) {
      y[r + i] = out[i];
    }
  }
}

template <ScaleType type>
void widen_matrix_row(const QuantizedMatrix& w, int64_t row, float centre, float* scales, float* biases) {
  const int64_t at = row * w.groups();
  for (int64_t g = 0; g < w.groups(); g += 8) {
    const int64_t count = w.groups() - g;
    const bool whole = count >= 8;
    const __m256 scale = whole ? load_scales<type>(w.scales, at + g) : load_scales_part<type>(w.scales, at + g, count);
    const __m256 bias = whole ? load_scales<type>(w.biases, at + g) : load_scales_part<type>(w.biases, at + g, count);
    _mm256_storeu_ps(scales + g, scale);
    _mm256_storeu_ps(biases + g, _mm256_fmadd_ps(_mm256_set1_ps(centre), scale, bias));
  }
}

void widen_matrix_row(const QuantizedMatrix& w, int64_t row, float centre, float* scales, float* biases) {
  switch (w.scale_type) {
    case ScaleType::F32:
      return widen_matrix_row<ScaleType::F32>(w, row, centre, scales, biases);
    case ScaleType::F16:
      return widen_matrix_row<ScaleType::F16>(w, row, centre, scales, biases);
    case ScaleType::BF16:
      return widen_matrix_row<ScaleType::BF16>(w, row, centre, scales, biases);
  }
}

/** Where the rows of a chunk keep their widened scales (first half) and biases (second half). */
struct Widened {
  float* scratch;
  int64_t stride;
  float* scales(int64_t i) const { return scratch + 2 * i * stride; }
  float* biases(int64_t i) const { return scratch + (2 * i + 1) * stride; }
};

/** Two rows of W (at `first` in the chunk that starts at `begin`) against `columns` rows of x from `m`. */
template <int bits, int group, int columns>
void tile(const QuantizedMatrix& w, const FastInput& x, const Widened& widened, int64_t begin, int64_t first,
          int64_t second, int64_t m, float* y) {
  using S = Steps<bits>;
  constexpr int kParts = S::kColumns > group ? S::kColumns / group : 1;
  constexpr int kStepsPerGroup = group > S::kColumns ? group / S::kColumns : 1;
  constexpr int kActivationGroup = group == 32 ? 32 : 64;
  const int64_t at[2] = {first, second};
  __m256 total[2][columns];
#pragma GCC unroll 2
  for (int r = 0; r < 2; ++r) {
#pragma GCC unroll 4
    for (int c = 0; c < columns; ++c) {
      total[r][c] = _mm256_setzero_ps();
      for (int64_t g = 0; g < w.groups(); g += 8) {
        total[r][c] = _mm256_fmadd_ps(_mm256_loadu_ps(widened.biases(at[r]) + g),
                                      _mm256_loadu_ps(x.sums + (m + c) * x.sums_stride + g), total[r][c]);
      }
    }
  }
  // All addresses are taken out of the loop: it has no instruction to spare.
  const uint8_t* const rows[2] = {w.row(begin + first), w.row(begin + second)};
  const float* const scales[2] = {widened.scales(first), widened.scales(second)};
  const int8_t* const x_codes = x.codes + m * x.codes_stride;
  const float* const x_scales = bits == 4 ? x.lanes + m * x.lanes_stride : x.scales + m * x.scales_stride;
  const int64_t codes_stride = x.codes_stride;
  const int64_t scales_stride = bits == 4 ? x.lanes_stride : x.scales_stride;
  const auto step = [&](int64_t s, auto&& load) {
    const int8_t* const at_codes = x_codes + s * S::kBytes;
    const float* const at_scales = x_scales + (bits == 4 ? s * 8 : s * 32 / kActivationGroup);
#pragma GCC unroll 2
    for (int r = 0; r < 2; ++r) {
      const Codes<bits> codes = split<bits>(load(rows[r] + s * 32));
      const __m256 scale = lane_scales<kParts, kStepsPerGroup>(scales[r], s);
#pragma GCC unroll 4
      for (int c = 0; c < columns; ++c) {
        const __m256 products = dot<bits>(codes, at_codes + c * codes_stride);
        const float* const by = at_scales + c * scales_stride;
        total[r][c] = _mm256_fmadd_ps(_mm256_mul_ps(products, scale),
                                      bits == 4 ? _mm256_loadu_ps(by) : _mm256_broadcast_ss(by), total[r][c]);
      }
    }
  };
  const int64_t steps = w.columns / S::kColumns;
  for (int64_t s = 0; s < steps; ++s) {
    step(s, [](const uint8_t* p) { return load_bytes(p); });
  }
  if (w.columns % S::kColumns != 0) {
    step(steps, [](const uint8_t* p) { return load_words(p, 4); });
  }
#pragma GCC unroll 2
  for (int r = 0; r < 2; ++r) {
#pragma GCC unroll 4
    for (int c = 0; c < columns; ++c) {
      y[(m + c) * w.rows + begin + at[r]] = horizontal_sum(total[r][c]);
    }
  }
}

template <int bits, int group>
void matrix_rows(const QuantizedMatrix& w, const FastInput& x, int64_t begin, int64_t end, float* scratch, float* y) {
  const Widened widened{scratch, padded(w.groups(), kGroupPad) + kGroupPad};
  for (int64_t r = begin; r < end; ++r) {
    widen_matrix_row(w, r, Steps<bits>::kCentre, widened.scales(r - begin), widened.biases(r - begin));
    widened.scales(r - begin)[w.groups()] = 0.0F;  // read by a last half step
  }
  const int64_t count = end - begin;
  for (int64_t m = 0; m < x.m; m += 4) {
    for (int64_t i = 0; i < count; i += 2) {
      const int64_t second = i + 1 < count ? i + 1 : i;
      switch (x.m - m) {
        case 1:
          tile<bits, group, 1>(w, x, widened, begin, i, second, m, y);
          break;
        case 2:
          tile<bits, group, 2>(w, x, widened, begin, i, second, m, y);
          break;
        case 3:
          tile<bits, group, 3>(w, x, widened, begin, i, second, m, y);
          break;
        default:
          tile<bits, group, 4>(w, x, widened, begin, i, second, m, y);
      }
    }
  }
}

template <int bits>
void rows_of(const QuantizedMatrix& w, const FastInput& x, int64_t begin, int64_t end, float* scratch, float* y) {
  const bool one = x.m == 1;
  if (w.group_size == 32) {
    (one ? vector_rows<bits, 32> : matrix_rows<bits, 32>)(w, x, begin, end, scratch, y);
  } else if (w.group_size == 64) {
    (one ? vector_rows<bits, 64> : matrix_rows<bits, 64>)(w, x, begin, end, scratch, y);
  } else {
    (one ? vector_rows<bits, 64> : matrix_rows<bits, 128>)(w, x, begin, end, scratch, y);
  }
}

/** Largest magnitude as bits: integer order is float order, and a NaN stays on top. */
inline uint32_t largest_bits(const float* x, int count) {
  const __m256i magnitude = _mm256_set1_epi32(0x7fffffff);
  __m256i top = _mm256_setzero_si256();
  for (int i = 0; i < count; i += 8) {
    top = _mm256_max_epi32(top, _mm256_and_si256(load_bytes(x + i), magnitude));
  }
  __m128i four = _mm_max_epi32(_mm256_castsi256_si128(top), _mm256_extracti128_si256(top, 1));
  four = _mm_max_epi32(four, _mm_shuffle_epi32(four, 0x4e));
  four = _mm_max_epi32(four, _mm_shuffle_epi32(four, 0xb1));
  return static_cast<uint32_t>(_mm_cvtsi128_si32(four));
}

/** 32 values times `inverse`, rounded to int8, in order. */
inline __m256i round_32(const float* x, __m256 inverse) {
  __m256i parts[4];
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    parts[i] = _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_loadu_ps(x + 8 * i), inverse));
  }
  const __m256i bytes =
      _mm256_packs_epi16(_mm256_packs_epi32(parts[0], parts[1]), _mm256_packs_epi32(parts[2], parts[3]));
  return _mm256_permutevar8x32_epi32(bytes, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
}

inline int sum_of_bytes(__m256i bytes) {
  const __m256i words = _mm256_madd_epi16(_mm256_maddubs_epi16(_mm256_set1_epi8(1), bytes), _mm256_set1_epi16(1));
  __m128i four = _mm_add_epi32(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
  four = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0x4e));
  four = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0xb1));
  return _mm_cvtsi128_si32(four);
}

/** Stores 32 codes from column 32 * block: at 4 bits even columns before odd ones within each 64. */
inline void store_32(int8_t* codes, int64_t block, __m256i bytes, bool split_parity) {
  if (!split_parity) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(codes + 32 * block), bytes);
    return;
  }
  const __m256i order = _mm256_setr_epi8(0, 2, 4, 6, 8, 10, 12, 14, 1, 3, 5, 7, 9, 11, 13, 15,  //
                                         0, 2, 4, 6, 8, 10, 12, 14, 1, 3, 5, 7, 9, 11, 13, 15);
  const __m256i halves = _mm256_permute4x64_epi64(_mm256_shuffle_epi8(bytes, order), 0xd8);
  int8_t* to = codes + block / 2 * 64 + block % 2 * 16;
  _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm256_castsi256_si128(halves));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(to + 32), _mm256_extracti128_si256(halves, 1));
}

}  // namespace

void prepare_fast(const QuantizedMatrix& w, const float* x, int8_t* codes, float* scales, float* sums, float* lanes) {
  const int group = activation_group(w);
  const int64_t parts = w.group_size / group;
  for (int64_t g = 0; g < w.columns / group; ++g) {
    const uint32_t top = largest_bits(x + g * group, group);
    const float amax = _mm_cvtss_f32(_mm_castsi128_ps(_mm_cvtsi32_si128(static_cast<int>(top))));
    const bool usable = amax >= 1e-30F && top < 0x7f800000U;
    const __m256 inverse = _mm256_set1_ps(usable ? 127.0F / amax : 0.0F);
    const float scale = usable ? amax / 127.0F : (amax < 1e-30F ? 0.0F : __builtin_nanf(""));
    int sum = 0;
    for (int64_t b = g * group / 32; b < (g + 1) * group / 32; ++b) {
      const __m256i bytes = usable ? round_32(x + 32 * b, inverse) : _mm256_setzero_si256();
      sum += sum_of_bytes(bytes);
      store_32(codes, b, bytes, w.bits == 4);
    }
    scales[g] = scale;
    sums[g / parts] += scale * static_cast<float>(sum);
    if (lanes != nullptr && w.bits == 4) {
      const __m128 four = _mm_set1_ps(scale);
      _mm_storeu_ps(lanes + g * group / 8, four);
      if (group == 64) {
        _mm_storeu_ps(lanes + g * 8 + 4, four);
      } else if (g + 1 == w.columns / 32 && g % 2 == 0) {
        _mm_storeu_ps(lanes + g * 4 + 4, _mm_setzero_ps());  // read by a last half step
      }
    }
  }
}

void fast_rows(const QuantizedMatrix& w, const FastInput& x, int64_t begin, int64_t end, float* scratch, float* y) {
  (w.bits == 4 ? rows_of<4> : rows_of<8>)(w, x, begin, end, scratch, y);
}

}  // namespace burin::kernels::avx2

namespace burin::kernels {

const QMatmulTable& qmatmul_avx2() {
  static constexpr QMatmulTable kTable{avx2::prepare_exact, avx2::prepare_fast,   avx2::exact_rows,
                                       avx2::fast_rows,     avx2::dequantize_row, avx2::panel};
  return kTable;
}

}  // namespace burin::kernels
