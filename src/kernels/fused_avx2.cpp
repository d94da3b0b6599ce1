#include "kernels/avx2.h"
#include "kernels/fused_table.h"

namespace burin::kernels {
namespace {

inline __m256i lanes_below(int64_t count) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(count)), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

/** Calls step(index, load, store) for vectors of eight; the last one may be partial. Missing lanes load as zero. */
template <typename Step>
inline void by_eight(int64_t count, Step&& step) {
  int64_t i = 0;
  for (; i + 8 <= count; i += 8) {
    step(i, [](const float* p) { return _mm256_loadu_ps(p); }, [](float* p, __m256 v) { _mm256_storeu_ps(p, v); });
  }
  if (i < count) {
    const __m256i lanes = lanes_below(count - i);
    step(
        i, [lanes](const float* p) { return _mm256_maskload_ps(p, lanes); },
        [lanes](float* p, __m256 v) { _mm256_maskstore_ps(p, lanes, v); });
  }
}

/** e^x: 2^n e^r with |r| <= ln(2)/2, e^r by its series to the seventh power (relative error below 2^-27). Below -87.3
 * it is 0; a NaN stays. */
inline __m256 exp_of(__m256 x) {
  const __m256 lowest = _mm256_set1_ps(-87.3F);
  const __m256 bounded = _mm256_min_ps(_mm256_set1_ps(88.7F), _mm256_max_ps(lowest, x));
  const __m256 n = _mm256_round_ps(_mm256_mul_ps(bounded, _mm256_set1_ps(1.44269504F)),
                                   _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  __m256 r = _mm256_fnmadd_ps(n, _mm256_set1_ps(0.693359375F), bounded);  // ln(2) in two parts, the first exact
  r = _mm256_fnmadd_ps(n, _mm256_set1_ps(-2.12194440e-4F), r);
  const float inverse_factorials[] = {1.0F / 720, 1.0F / 120, 1.0F / 24, 1.0F / 6, 0.5F, 1.0F, 1.0F};
  __m256 sum = _mm256_set1_ps(1.0F / 5040);
#pragma GCC unroll 7
  for (const float c : inverse_factorials) {
    sum = _mm256_fmadd_ps(sum, r, _mm256_set1_ps(c));
  }
  const __m256i exponent = _mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127)), 23);
  const __m256 result = _mm256_mul_ps(sum, _mm256_castsi256_ps(exponent));
  return _mm256_andnot_ps(_mm256_cmp_ps(x, lowest, _CMP_LT_OQ), result);
}

/** x / (1 + e^-y). */
inline __m256 gated(__m256 x, __m256 y) {
  const __m256 minus_y = _mm256_xor_ps(y, _mm256_set1_ps(-0.0F));
  return _mm256_div_ps(x, _mm256_add_ps(_mm256_set1_ps(1.0F), exp_of(minus_y)));
}

void rms_norm_row(const float* x, const float* weight, int64_t count, float eps, float* out) {
  __m256 sums[4] = {_mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps()};
  by_eight(count, [&](int64_t i, auto load, auto) {
    const __m256 v = load(x + i);
    __m256& sum = sums[i / 8 % 4];
    sum = _mm256_fmadd_ps(v, v, sum);
  });
  const float sum = horizontal_sum(_mm256_add_ps(_mm256_add_ps(sums[0], sums[1]), _mm256_add_ps(sums[2], sums[3])));
  const __m128 mean = _mm_set_ss(sum / static_cast<float>(count) + eps);
  const __m256 scale = _mm256_set1_ps(1.0F / _mm_cvtss_f32(_mm_sqrt_ss(mean)));
  by_eight(count, [&](int64_t i, auto load, auto store) {
    const __m256 v = _mm256_mul_ps(load(x + i), scale);
    store(out + i, weight != nullptr ? _mm256_mul_ps(v, load(weight + i)) : v);
  });
}

/** x - mean goes to `out` first: missing lanes come back from there as zero. */
void layer_norm_row(const float* x, const float* weight, const float* bias, int64_t count, float eps, float* out) {
  __m256 sum = _mm256_setzero_ps();
  by_eight(count, [&](int64_t i, auto load, auto) { sum = _mm256_add_ps(sum, load(x + i)); });
  const __m256 mean = _mm256_set1_ps(horizontal_sum(sum) / static_cast<float>(count));
  __m256 squares = _mm256_setzero_ps();
  by_eight(count, [&](int64_t i, auto load, auto store) {
    store(out + i, _mm256_sub_ps(load(x + i), mean));
    const __m256 v = load(out + i);
    squares = _mm256_fmadd_ps(v, v, squares);
  });
  const __m128 variance = _mm_set_ss(horizontal_sum(squares) / static_cast<float>(count) + eps);
  const __m256 scale = _mm256_set1_ps(1.0F / _mm_cvtss_f32(_mm_sqrt_ss(variance)));
  by_eight(count, [&](int64_t i, auto load, auto store) {
    __m256 v = _mm256_mul_ps(load(out + i), scale);
    v = weight != nullptr ? _mm256_mul_ps(v, load(weight + i)) : v;
    store(out + i, bias != nullptr ? _mm256_add_ps(v, load(bias + i)) : v);
  });
}

/** out = activation(gate) * up, or activation(gate) where there is no `up`. */
template <typename Activation>
inline void activate(const float* gate, const float* up, int64_t count, float* out, Activation&& activation) {
  by_eight(count, [&](int64_t i, auto load, auto store) {
    const __m256 v = activation(load(gate + i));
    store(out + i, up != nullptr ? _mm256_mul_ps(v, load(up + i)) : v);
  });
}

void swiglu_range(const float* gate, const float* up, int64_t count, float* out) {
  activate(gate, up, count, out, [](__m256 g) { return gated(g, g); });
}

/** 0.5 (1 + tanh(u)) is the sigmoid of 2u. */
void gelu_tanh_range(const float* gate, const float* up, int64_t count, float* out) {
  const __m256 two_roots = _mm256_set1_ps(2 * 0.7978845608028654F);
  activate(gate, up, count, out, [two_roots](__m256 g) {
    const __m256 cube = _mm256_mul_ps(_mm256_mul_ps(g, g), g);
    return gated(g, _mm256_mul_ps(two_roots, _mm256_fmadd_ps(_mm256_set1_ps(0.044715F), cube, g)));
  });
}

/** max(x, 0) - |x| erfc(|x| / sqrt 2) / 2, erfc by Abramowitz and Stegun 7.1.26 (error below 1.5e-7). */
void gelu_range(const float* gate, const float* up, int64_t count, float* out) {
  activate(gate, up, count, out, [](__m256 g) {
    const __m256 size = _mm256_andnot_ps(_mm256_set1_ps(-0.0F), g);
    const __m256 z = _mm256_mul_ps(size, _mm256_set1_ps(0.70710678118654752F));
    const __m256 one = _mm256_set1_ps(1.0F);
    const __m256 t = _mm256_div_ps(one, _mm256_fmadd_ps(_mm256_set1_ps(0.3275911F), z, one));
    const float factors[] = {-1.453152027F, 1.421413741F, -0.284496736F, 0.254829592F};
    __m256 sum = _mm256_set1_ps(1.061405429F);
#pragma GCC unroll 4
    for (const float c : factors) {
      sum = _mm256_fmadd_ps(sum, t, _mm256_set1_ps(c));
    }
    const __m256 minus_square = _mm256_mul_ps(_mm256_xor_ps(z, _mm256_set1_ps(-0.0F)), z);
    const __m256 half_erfc =
        _mm256_mul_ps(_mm256_mul_ps(_mm256_mul_ps(sum, t), _mm256_set1_ps(0.5F)), exp_of(minus_square));
    const __m256 small = _mm256_mul_ps(_mm256_min_ps(_mm256_set1_ps(100.0F), size), half_erfc);  // NaN stays
    return _mm256_sub_ps(_mm256_max_ps(_mm256_setzero_ps(), g), small);
  });
}

void rotate_halves(const float* x, const float* cosines, const float* sines, int64_t half, float* out) {
  by_eight(half, [&](int64_t i, auto load, auto store) {
    const __m256 a = load(x + i);
    const __m256 b = load(x + half + i);
    const __m256 c = load(cosines + i);
    const __m256 s = load(sines + i);
    store(out + i, _mm256_sub_ps(_mm256_mul_ps(a, c), _mm256_mul_ps(b, s)));
    store(out + half + i, _mm256_add_ps(_mm256_mul_ps(a, s), _mm256_mul_ps(b, c)));
  });
}

/** `rows` queries against four keys at a time; the last key repeats. */
template <int rows>
void dot_tile(const float* const* q, const FloatRows& keys, float scale, float* scores, int64_t ld) {
  for (int64_t j = 0; j < keys.count; j += 4) {
    const float* at[4];
    for (int64_t c = 0; c < 4; ++c) {
      at[c] = keys.at + (j + c < keys.count ? j + c : keys.count - 1) * keys.stride;
    }
    __m256 sums[rows][4];
#pragma GCC unroll 3
    for (int r = 0; r < rows; ++r) {
#pragma GCC unroll 4
      for (int c = 0; c < 4; ++c) {
        sums[r][c] = _mm256_setzero_ps();
      }
    }
    by_eight(keys.width, [&](int64_t i, auto load, auto) {
      __m256 query[rows];
#pragma GCC unroll 3
      for (int r = 0; r < rows; ++r) {
        query[r] = load(q[r] + i);
      }
#pragma GCC unroll 4
      for (int c = 0; c < 4; ++c) {
        const __m256 key = load(at[c] + i);
#pragma GCC unroll 3
        for (int r = 0; r < rows; ++r) {
          sums[r][c] = _mm256_fmadd_ps(query[r], key, sums[r][c]);
        }
      }
    });
#pragma GCC unroll 3
    for (int r = 0; r < rows; ++r) {
      const __m128 four = horizontal_sums(sums[r][0], sums[r][1], sums[r][2], sums[r][3]);
      _mm_storeu_ps(scores + r * ld + j, _mm_mul_ps(four, _mm_set1_ps(scale)));
    }
  }
}

void dot_keys(const float* const* q, int64_t rows, const FloatRows& keys, float scale, float* scores, int64_t ld) {
  int64_t r = 0;
  for (; r + 3 <= rows; r += 3) {
    dot_tile<3>(q + r, keys, scale, scores + r * ld, ld);
  }
  if (rows - r == 2) {
    dot_tile<2>(q + r, keys, scale, scores + r * ld, ld);
  } else if (rows - r == 1) {
    dot_tile<1>(q + r, keys, scale, scores + r * ld, ld);
  }
}

/** `width` vectors of `rows` accumulators; `load` and `store` may be partial. */
template <int rows, int width, typename Load, typename Store>
inline void value_tile(const float* p, int64_t ld, const FloatRows& values, float* acc, Load load, Store store) {
  __m256 sums[rows][width];
#pragma GCC unroll 3
  for (int r = 0; r < rows; ++r) {
#pragma GCC unroll 4
    for (int c = 0; c < width; ++c) {
      sums[r][c] = load(acc + r * values.width + 8 * c);
    }
  }
  for (int64_t j = 0; j < values.count; ++j) {
    __m256 weight[rows];
#pragma GCC unroll 3
    for (int r = 0; r < rows; ++r) {
      weight[r] = _mm256_broadcast_ss(p + r * ld + j);
    }
#pragma GCC unroll 4
    for (int c = 0; c < width; ++c) {
      const __m256 value = load(values.at + j * values.stride + 8 * c);
#pragma GCC unroll 3
      for (int r = 0; r < rows; ++r) {
        sums[r][c] = _mm256_fmadd_ps(weight[r], value, sums[r][c]);
      }
    }
  }
#pragma GCC unroll 3
  for (int r = 0; r < rows; ++r) {
#pragma GCC unroll 4
    for (int c = 0; c < width; ++c) {
      store(acc + r * values.width + 8 * c, sums[r][c]);
    }
  }
}

template <int rows>
void value_rows(const float* p, int64_t ld, const FloatRows& values, float* acc) {
  const int64_t d = values.width;
  const auto from = [&](int64_t column) { return FloatRows{values.at + column, values.stride, values.count, d}; };
  int64_t i = 0;
  for (; i + 32 <= d; i += 32) {
    value_tile<rows, 4>(
        p, ld, from(i), acc + i, [](const float* at) { return _mm256_loadu_ps(at); },
        [](float* to, __m256 value) { _mm256_storeu_ps(to, value); });
  }
  by_eight(d - i, [&](int64_t more, auto load, auto store) {
    value_tile<rows, 1>(p, ld, from(i + more), acc + i + more, load, store);
  });
}

void add_values(const float* p, int64_t ld, int64_t rows, const FloatRows& values, float* acc) {
  const int64_t d = values.width;
  int64_t r = 0;
  for (; r + 3 <= rows; r += 3) {
    value_rows<3>(p + r * ld, ld, values, acc + r * d);
  }
  if (rows - r == 2) {
    value_rows<2>(p + r * ld, ld, values, acc + r * d);
  } else if (rows - r == 1) {
    value_rows<1>(p + r * ld, ld, values, acc + r * d);
  }
}

float largest(const float* x, int64_t count) {
  __m256 top = _mm256_set1_ps(-__builtin_inff());
  int64_t i = 0;
  for (; i + 8 <= count; i += 8) {
    top = _mm256_max_ps(top, _mm256_loadu_ps(x + i));
  }
  __m128 four = _mm_max_ps(_mm256_castps256_ps128(top), _mm256_extractf128_ps(top, 1));
  four = _mm_max_ps(four, _mm_movehl_ps(four, four));
  float result = _mm_cvtss_f32(_mm_max_ss(four, _mm_shuffle_ps(four, four, 1)));
  for (; i < count; ++i) {
    result = x[i] > result ? x[i] : result;
  }
  return result;
}

float exponentials(float* x, int64_t count, float top) {
  const __m256 shift = _mm256_set1_ps(top);
  __m256 sum = _mm256_setzero_ps();
  int64_t i = 0;
  for (; i + 8 <= count; i += 8) {
    const __m256 value = exp_of(_mm256_sub_ps(_mm256_loadu_ps(x + i), shift));
    _mm256_storeu_ps(x + i, value);
    sum = _mm256_add_ps(sum, value);
  }
  if (i < count) {
    const __m256i lanes = lanes_below(count - i);
    const __m256 value = exp_of(_mm256_sub_ps(_mm256_maskload_ps(x + i, lanes), shift));
    _mm256_maskstore_ps(x + i, lanes, value);
    sum = _mm256_add_ps(sum, _mm256_and_ps(value, _mm256_castsi256_ps(lanes)));
  }
  return horizontal_sum(sum);
}

void multiply(float* x, int64_t count, float by) {
  const __m256 factor = _mm256_set1_ps(by);
  by_eight(count, [&](int64_t i, auto load, auto store) { store(x + i, _mm256_mul_ps(load(x + i), factor)); });
}

/** tanh(u) is 1 - 2 / (1 + e^2u). */
void softcap(float* x, int64_t count, float cap) {
  const __m256 two_over_cap = _mm256_set1_ps(2.0F / cap);
  const __m256 one = _mm256_set1_ps(1.0F);
  by_eight(count, [&](int64_t i, auto load, auto store) {
    const __m256 growth = exp_of(_mm256_mul_ps(load(x + i), two_over_cap));
    const __m256 tanh = _mm256_sub_ps(one, _mm256_div_ps(_mm256_set1_ps(2.0F), _mm256_add_ps(one, growth)));
    store(x + i, _mm256_mul_ps(_mm256_set1_ps(cap), tanh));
  });
}

}  // namespace

const FusedTable& fused_avx2() {
  static constexpr FusedTable kTable{.rms_norm_row = rms_norm_row,
                                     .layer_norm_row = layer_norm_row,
                                     .swiglu = swiglu_range,
                                     .gelu_tanh_mul = gelu_tanh_range,
                                     .gelu_mul = gelu_range,
                                     .rotate_halves = rotate_halves,
                                     .dot_keys = dot_keys,
                                     .add_values = add_values,
                                     .largest = largest,
                                     .exponentials = exponentials,
                                     .multiply = multiply,
                                     .softcap = softcap};
  return kTable;
}

}  // namespace burin::kernels
