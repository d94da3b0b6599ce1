// Exact products. For 2, 4 and 8 bits a 256-bit load holds eight words and lane i belongs to word i; code t of a word
// is isolated in place by a mask, and the activation for it is multiplied by 2^(-bits * t) beforehand, which is exact.
#include "kernels/avx2.h"
#include "kernels/qmatmul_table.h"

namespace burin::kernels {
namespace {

inline __m256 plane(__m256i words, int bits, int t) {
  if ((t + 1) * bits == 32) {
    return _mm256_cvtepi32_ps(_mm256_srli_epi32(words, 32 - bits));
  }
  return _mm256_cvtepi32_ps(_mm256_and_si256(words, _mm256_set1_epi32(((1 << bits) - 1) << (bits * t))));
}

/** Four rows against one row of x; rows[3] may repeat. */
template <int bits, int group>
void four_rows(const QuantizedMatrix& w, const int64_t (&rows)[kRowBlock], const float* planes, const float* sums,
               float* scratch, float* out) {
  constexpr int kCodes = 32 / bits;
  constexpr int kStep = 8 * kCodes;
  constexpr int kParts = kStep > group ? kStep / group : 1;
  constexpr int kStepsPerGroup = group > kStep ? group / kStep : 1;
  const int64_t stride = w.columns / 32 + kGroupPad;
  const uint8_t* from[kRowBlock];
  __m256 total[kRowBlock];
#pragma GCC unroll 4
  for (int i = 0; i < kRowBlock; ++i) {
    from[i] = w.row(rows[i]);
    total[i] = widen_row(w, rows[i], sums, scratch + i * stride);
  }
  const auto step = [&](int64_t s, auto&& load) {
    __m256i words[kRowBlock];
    __m256 dot[kRowBlock];
#pragma GCC unroll 4
    for (int i = 0; i < kRowBlock; ++i) {
      words[i] = load(from[i] + s * 32);
      dot[i] = _mm256_setzero_ps();
    }
#pragma GCC unroll 16
    for (int t = 0; t < kCodes; ++t) {
      const __m256 x = _mm256_loadu_ps(planes + s * kStep + t * 8);
#pragma GCC unroll 4
      for (int i = 0; i < kRowBlock; ++i) {
        dot[i] = _mm256_fmadd_ps(plane(words[i], bits, t), x, dot[i]);
      }
    }
#pragma GCC unroll 4
    for (int i = 0; i < kRowBlock; ++i) {
      total[i] = _mm256_fmadd_ps(lane_scales<kParts, kStepsPerGroup>(scratch + i * stride, s), dot[i], total[i]);
    }
  };
  const int64_t steps = w.columns / kStep;
  for (int64_t s = 0; s < steps; ++s) {
    step(s, [](const uint8_t* p) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)); });
  }
  if (const int64_t left = w.columns % kStep; left != 0) {
    // Lanes beyond the row hold zero codes; their scales are whatever the scratch holds, so they are zeroed first.
#pragma GCC unroll 4
    for (int i = 0; i < kRowBlock; ++i) {
      for (int64_t g = w.groups(); g < (steps + 1) * kParts; ++g) {
        scratch[i * stride + g] = 0.0F;
      }
    }
    step(steps, [left](const uint8_t* p) { return load_words(p, left / kCodes); });
  }
  _mm_storeu_ps(out, horizontal_sums(total[0], total[1], total[2], total[3]));
}

constexpr int kTileX = 4;

/**
 * Two rows against three or four rows of x from `m`: codes are unpacked once for all of them. Every sum is taken in the
 * order of four_rows, so that a product does not depend on how many rows of x there are.
 */
template <int bits, int group>
class Tile {
 public:
  Tile(const QuantizedMatrix& w, const int64_t (&rows)[2], const ExactInput& x, int64_t m, float* scratch)
      : w_(w), from_{w.row(rows[0]), w.row(rows[1])}, scratch_(scratch), stride_(w.columns / 32 + kGroupPad) {
#pragma GCC unroll 4
    for (int j = 0; j < kTileX; ++j) {
      const int64_t row = m + j < x.m ? m + j : x.m - 1;
      planes_[j] = x.planes + row * x.planes_stride;
      for (int i = 0; i < 2; ++i) {
        total_[i][j] = widen_row(w, rows[i], x.sums + row * x.sums_stride, scratch + i * stride_);
      }
    }
  }

  void run(float (&out)[2][kTileX]) {
    const int64_t steps = w_.columns / kStep;
    for (int64_t s = 0; s < steps; ++s) {
      step(s, [](const uint8_t* p) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)); });
    }
    if (const int64_t left = w_.columns % kStep; left != 0) {
      for (int64_t g = w_.groups(); g < (steps + 1) * kParts; ++g) {
        scratch_[g] = scratch_[stride_ + g] = 0.0F;
      }
      step(steps, [left](const uint8_t* p) { return load_words(p, left / kCodes); });
    }
    for (int i = 0; i < 2; ++i) {
      _mm_storeu_ps(out[i], horizontal_sums(total_[i][0], total_[i][1], total_[i][2], total_[i][3]));
    }
  }

 private:
  static constexpr int kCodes = 32 / bits;
  static constexpr int kStep = 8 * kCodes;
  static constexpr int kParts = kStep > group ? kStep / group : 1;
  static constexpr int kStepsPerGroup = group > kStep ? group / kStep : 1;

  template <typename Load>
  void step(int64_t s, Load&& load) {
    const __m256i words[2] = {load(from_[0] + s * 32), load(from_[1] + s * 32)};
    __m256 dot[2][kTileX];
#pragma GCC unroll 4
    for (int j = 0; j < kTileX; ++j) {
      dot[0][j] = dot[1][j] = _mm256_setzero_ps();
    }
#pragma GCC unroll 16
    for (int t = 0; t < kCodes; ++t) {
      const __m256 codes[2] = {plane(words[0], bits, t), plane(words[1], bits, t)};
#pragma GCC unroll 4
      for (int j = 0; j < kTileX; ++j) {
        const __m256 values = _mm256_loadu_ps(planes_[j] + s * kStep + t * 8);
        dot[0][j] = _mm256_fmadd_ps(codes[0], values, dot[0][j]);
        dot[1][j] = _mm256_fmadd_ps(codes[1], values, dot[1][j]);
      }
    }
#pragma GCC unroll 2
    for (int i = 0; i < 2; ++i) {
      const __m256 scales = lane_scales<kParts, kStepsPerGroup>(scratch_ + i * stride_, s);
#pragma GCC unroll 4
      for (int j = 0; j < kTileX; ++j) {
        total_[i][j] = _mm256_fmadd_ps(scales, dot[i][j], total_[i][j]);
      }
    }
  }

  const QuantizedMatrix& w_;
  const uint8_t* from_[2];
  float* scratch_;
  int64_t stride_;
  const float* planes_[kTileX];
  __m256 total_[2][kTileX];
};

struct Rows {
  int64_t begin;
  int64_t end;
};

/** A few rows against up to kTileX rows of x. */
template <int bits, int group>
void tiles(const QuantizedMatrix& w, const ExactInput& x, int64_t m, Rows rows, float* scratch, float* y) {
  for (int64_t r = rows.begin; r < rows.end; r += 2) {
    float out[2][kTileX];
    Tile<bits, group>(w, {r, r + 1 < rows.end ? r + 1 : r}, x, m, scratch).run(out);
    for (int j = 0; j < kTileX && m + j < x.m; ++j) {
      for (int i = 0; i < 2 && r + i < rows.end; ++i) {
        y[(m + j) * w.rows + r + i] = out[i][j];
      }
    }
  }
}

template <int bits, int group>
void tuned_rows(const QuantizedMatrix& w, const ExactInput& x, int64_t begin, int64_t end, float* scratch, float* y) {
  for (int64_t r = begin; r < end; r += kRowBlock) {
    int64_t m = 0;
    for (; m + 2 < x.m; m += kTileX) {
      tiles<bits, group>(w, x, m, {r, r + kRowBlock < end ? r + kRowBlock : end}, scratch, y);
    }
    for (; m < x.m; ++m) {
      int64_t rows[kRowBlock];
#pragma GCC unroll 4
      for (int i = 0; i < kRowBlock; ++i) {
        rows[i] = r + i < end ? r + i : end - 1;
      }
      float out[kRowBlock];
      four_rows<bits, group>(w, rows, x.planes + m * x.planes_stride, x.sums + m * x.sums_stride, scratch, out);
      for (int i = 0; i < kRowBlock && r + i < end; ++i) {
        y[m * w.rows + r + i] = out[i];
      }
    }
  }
}

/** 32 columns of codes as floats, times x; x null: the codes themselves go to `out`. */
template <int bits>
inline __m256 unpack_eight(const uint8_t* block, int u) {
  constexpr int kLast = 4 * bits - 4;  // byte offset of the last word of 32 codes: no load goes beyond it
  if constexpr (bits == 8) {
    return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(block + 8 * u))));
  } else {
    const auto word = [&](int bit, int& shift) {
      const int at = bit / 8 < kLast ? bit / 8 : kLast;
      shift = bit - 8 * at;
      int32_t value;
      __builtin_memcpy(&value, block + at, sizeof(value));
      return value;
    };
    constexpr bool kOneWord = bits <= 4;
    int low_shift = 0;
    int high_shift = 0;
    const int low = word(8 * bits * u, low_shift);
    const int high = kOneWord ? low : word(8 * bits * u + 4 * bits, high_shift);
    const int h = kOneWord ? low_shift + 4 * bits : high_shift;
    const __m256i words = _mm256_set_m128i(_mm_set1_epi32(high), _mm_set1_epi32(low));
    const __m256i shifts = _mm256_setr_epi32(low_shift, low_shift + bits, low_shift + 2 * bits, low_shift + 3 * bits, h,
                                             h + bits, h + 2 * bits, h + 3 * bits);
    return _mm256_cvtepi32_ps(_mm256_and_si256(_mm256_srlv_epi32(words, shifts), _mm256_set1_epi32((1 << bits) - 1)));
  }
}

/** Any width, one row at a time: the path of 3, 5 and 6 bits. */
template <int bits>
void plain_rows(const QuantizedMatrix& w, const ExactInput& x, int64_t begin, int64_t end, float* scratch, float* y) {
  for (int64_t r = begin; r < end; ++r) {
    for (int64_t m = 0; m < x.m; ++m) {
      const float* planes = x.planes + m * x.planes_stride;
      __m256 total = widen_row(w, r, x.sums + m * x.sums_stride, scratch);
      for (int64_t b = 0; b < w.columns / 32; ++b) {
        const uint8_t* block = w.row(r) + b * 4 * bits;
        __m256 dot = _mm256_setzero_ps();
#pragma GCC unroll 4
        for (int u = 0; u < 4; ++u) {
          dot = _mm256_fmadd_ps(unpack_eight<bits>(block, u), _mm256_loadu_ps(planes + b * 32 + u * 8), dot);
        }
        total = _mm256_fmadd_ps(_mm256_broadcast_ss(scratch + b * 32 / w.group_size), dot, total);
      }
      y[m * w.rows + r] = horizontal_sum(total);
    }
  }
}

template <int bits>
void rows_of(const QuantizedMatrix& w, const ExactInput& x, int64_t begin, int64_t end, float* scratch, float* y) {
  if constexpr (bits == 3 || bits == 5 || bits == 6) {
    plain_rows<bits>(w, x, begin, end, scratch, y);
  } else if (w.group_size == 32) {
    tuned_rows<bits, 32>(w, x, begin, end, scratch, y);
  } else if (w.group_size == 64) {
    tuned_rows<bits, 64>(w, x, begin, end, scratch, y);
  } else {
    tuned_rows<bits, 128>(w, x, begin, end, scratch, y);
  }
}

template <int bits, ScaleType type>
void dequantize(const QuantizedMatrix& w, int64_t row, float* out) {
  for (int64_t g = 0; g < w.groups(); ++g) {
    const int64_t at = row * w.groups() + g;
    const __m256 scale = _mm256_set1_ps(_mm256_cvtss_f32(load_scales_part<type>(w.scales, at, 1)));
    const __m256 bias = _mm256_set1_ps(_mm256_cvtss_f32(load_scales_part<type>(w.biases, at, 1)));
    const int64_t first = g * w.group_size;
    for (int64_t c = first; c < first + w.group_size; c += 32) {
#pragma GCC unroll 4
      for (int u = 0; u < 4; ++u) {
        const __m256 codes = unpack_eight<bits>(w.row(row) + c * bits / 8, u);
        _mm256_storeu_ps(out + c + 8 * u, _mm256_add_ps(_mm256_mul_ps(scale, codes), bias));
      }
    }
  }
}

template <int bits>
void dequantize_of(const QuantizedMatrix& w, int64_t row, float* out) {
  switch (w.scale_type) {
    case ScaleType::F16:
      return dequantize<bits, ScaleType::F16>(w, row, out);
    case ScaleType::BF16:
      return dequantize<bits, ScaleType::BF16>(w, row, out);
    default:
      return dequantize<bits, ScaleType::F32>(w, row, out);
  }
}

/** Calls the member of a family of templates that fits `bits`. */
#define BURIN_FOR_BITS(bits, function, ...) \
  switch (bits) {                           \
    case 2:                                 \
      return function<2>(__VA_ARGS__);      \
    case 3:                                 \
      return function<3>(__VA_ARGS__);      \
    case 4:                                 \
      return function<4>(__VA_ARGS__);      \
    case 5:                                 \
      return function<5>(__VA_ARGS__);      \
    case 6:                                 \
      return function<6>(__VA_ARGS__);      \
    default:                                \
      return function<8>(__VA_ARGS__);      \
  }

/** `rows` rows of x against a panel of 16 columns: two accumulators a row. */
template <int rows>
void panel_tile(const FloatRows& x, const float* panel, const PanelOutput& out) {
  __m256 low[rows];
  __m256 high[rows];
#pragma GCC unroll 6
  for (int i = 0; i < rows; ++i) {
    low[i] = out.add ? _mm256_loadu_ps(out.y + i * out.ldy) : _mm256_setzero_ps();
    high[i] = out.add ? _mm256_loadu_ps(out.y + i * out.ldy + 8) : _mm256_setzero_ps();
  }
  for (int64_t c = 0; c < x.width; ++c) {
    const __m256 w_low = _mm256_loadu_ps(panel + c * kPanelRows);
    const __m256 w_high = _mm256_loadu_ps(panel + c * kPanelRows + 8);
#pragma GCC unroll 6
    for (int i = 0; i < rows; ++i) {
      const __m256 value = _mm256_broadcast_ss(x.at + i * x.stride + c);
      low[i] = _mm256_fmadd_ps(value, w_low, low[i]);
      high[i] = _mm256_fmadd_ps(value, w_high, high[i]);
    }
  }
#pragma GCC unroll 6
  for (int i = 0; i < rows; ++i) {
    _mm256_storeu_ps(out.y + i * out.ldy, low[i]);
    _mm256_storeu_ps(out.y + i * out.ldy + 8, high[i]);
  }
}

void prepare_exact(const QuantizedMatrix& w, const float* x, float* planes, float* sums) {
  const bool in_order = w.bits == 3 || w.bits == 5 || w.bits == 6;
  const int codes = in_order ? 1 : 32 / w.bits;
  for (int64_t g = 0; g < w.groups(); ++g) {
    __m256 sum = _mm256_setzero_ps();
    for (int64_t i = g * w.group_size; i < (g + 1) * w.group_size; i += 8) {
      sum = _mm256_add_ps(sum, _mm256_loadu_ps(x + i));
    }
    sums[g] = horizontal_sum(sum);
  }
  if (in_order) {
    __builtin_memcpy(planes, x, static_cast<size_t>(w.columns) * sizeof(float));
    return;
  }
  float weight = 1.0F;
  const float shrink = 1.0F / static_cast<float>(1 << w.bits);
  for (int t = 0; t < codes; ++t, weight *= shrink) {
    const float by = t + 1 == codes ? 1.0F : weight;
    for (int64_t word = 0; word < w.columns / codes; ++word) {
      planes[word / 8 * 8 * codes + t * 8 + word % 8] = x[word * codes + t] * by;
    }
  }
}

void exact_rows(const QuantizedMatrix& w, const ExactInput& x, int64_t begin, int64_t end, float* scratch, float* y) {
  BURIN_FOR_BITS(w.bits, rows_of, w, x, begin, end, scratch, y)
}

void dequantize_row(const QuantizedMatrix& w, int64_t row, float* out) {
  BURIN_FOR_BITS(w.bits, dequantize_of, w, row, out)
}

void panel(const FloatRows& x, const float* panel, const PanelOutput& out) {
  const auto rows_from = [&](int64_t i) { return FloatRows{x.at + i * x.stride, x.stride, x.count - i, x.width}; };
  const auto to = [&](int64_t i) { return PanelOutput{out.y + i * out.ldy, out.ldy, out.add}; };
  int64_t i = 0;
  for (; i + 6 <= x.count; i += 6) {
    panel_tile<6>(rows_from(i), panel, to(i));
  }
  for (; i + 2 <= x.count; i += 2) {
    panel_tile<2>(rows_from(i), panel, to(i));
  }
  for (; i < x.count; ++i) {
    panel_tile<1>(rows_from(i), panel, to(i));
  }
}

}  // namespace

const QMatmulTable& qmatmul_avx2() {
  static constexpr QMatmulTable kTable{prepare_exact, exact_rows, dequantize_row, panel};
  return kTable;
}

}  // namespace burin::kernels
