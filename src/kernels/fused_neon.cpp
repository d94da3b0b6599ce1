#include "kernels/fused_table.h"
#include "kernels/neon.h"

namespace burin::kernels {
namespace {

/** Calls step(index, load, store) for vectors of four; the last one may be partial. Missing lanes load as zero. */
template <typename Step>
inline void by_four(int64_t count, Step&& step) {
  int64_t i = 0;
  for (; i + 4 <= count; i += 4) {
    step(i, [](const float* p) { return vld1q_f32(p); }, [](float* p, float32x4_t v) { vst1q_f32(p, v); });
  }
  if (i < count) {
    const auto bytes = static_cast<size_t>(count - i) * sizeof(float);
    step(
        i,
        [bytes](const float* p) {
          float four[4] = {};
          __builtin_memcpy(four, p, bytes);
          return vld1q_f32(four);
        },
        [bytes](float* p, float32x4_t v) {
          float four[4];
          vst1q_f32(four, v);
          __builtin_memcpy(p, four, bytes);
        });
  }
}

/** As exp_of in fused_avx2.cpp, step by step. */
inline float32x4_t exp_of(float32x4_t x) {
  const float32x4_t lowest = vdupq_n_f32(-87.3F);
  const float32x4_t bounded = vminq_f32(vdupq_n_f32(88.7F), vmaxq_f32(lowest, x));
  const float32x4_t n = vrndnq_f32(vmulq_n_f32(bounded, 1.44269504F));
  float32x4_t r = vfmsq_f32(bounded, n, vdupq_n_f32(0.693359375F));  // ln(2) in two parts, the first exact
  r = vfmsq_f32(r, n, vdupq_n_f32(-2.12194440e-4F));
  const float inverse_factorials[] = {1.0F / 720, 1.0F / 120, 1.0F / 24, 1.0F / 6, 0.5F, 1.0F, 1.0F};
  float32x4_t sum = vdupq_n_f32(1.0F / 5040);
#pragma GCC unroll 7
  for (const float c : inverse_factorials) {
    sum = vfmaq_f32(vdupq_n_f32(c), sum, r);
  }
  const int32x4_t exponent = vshlq_n_s32(vaddq_s32(vcvtq_s32_f32(n), vdupq_n_s32(127)), 23);
  const float32x4_t result = vmulq_f32(sum, vreinterpretq_f32_s32(exponent));
  return vreinterpretq_f32_u32(vbicq_u32(vreinterpretq_u32_f32(result), vcltq_f32(x, lowest)));
}

/** x / (1 + e^-y). */
inline float32x4_t gated(float32x4_t x, float32x4_t y) {
  return vdivq_f32(x, vaddq_f32(vdupq_n_f32(1.0F), exp_of(vnegq_f32(y))));
}

void rms_norm_row(const float* x, const float* weight, int64_t count, float eps, float* out) {
  Sixteen sums = each_of<Sixteen>([](int) { return vdupq_n_f32(0.0F); });
  by_four(count, [&](int64_t i, auto load, auto) {
    const float32x4_t v = load(x + i);
    float32x4_t& sum = sums.at[i / 4 % 4];
    sum = vfmaq_f32(sum, v, v);
  });
  const float sum = vaddvq_f32(vaddq_f32(vaddq_f32(sums.at[0], sums.at[1]), vaddq_f32(sums.at[2], sums.at[3])));
  const float scale = 1.0F / __builtin_sqrtf(sum / static_cast<float>(count) + eps);
  by_four(count, [&](int64_t i, auto load, auto store) {
    const float32x4_t v = vmulq_n_f32(load(x + i), scale);
    store(out + i, weight != nullptr ? vmulq_f32(v, load(weight + i)) : v);
  });
}

/** x - mean goes to `out` first: missing lanes come back from there as zero. */
void layer_norm_row(const float* x, const float* weight, const float* bias, int64_t count, float eps, float* out) {
  float32x4_t sum = vdupq_n_f32(0.0F);
  by_four(count, [&](int64_t i, auto load, auto) { sum = vaddq_f32(sum, load(x + i)); });
  const float32x4_t mean = vdupq_n_f32(vaddvq_f32(sum) / static_cast<float>(count));
  float32x4_t squares = vdupq_n_f32(0.0F);
  by_four(count, [&](int64_t i, auto load, auto store) {
    store(out + i, vsubq_f32(load(x + i), mean));
    const float32x4_t v = load(out + i);
    squares = vfmaq_f32(squares, v, v);
  });
  const float scale = 1.0F / __builtin_sqrtf(vaddvq_f32(squares) / static_cast<float>(count) + eps);
  by_four(count, [&](int64_t i, auto load, auto store) {
    float32x4_t v = vmulq_n_f32(load(out + i), scale);
    v = weight != nullptr ? vmulq_f32(v, load(weight + i)) : v;
    store(out + i, bias != nullptr ? vaddq_f32(v, load(bias + i)) : v);
  });
}

/** out = activation(gate) * up, or activation(gate) where there is no `up`. */
template <typename Activation>
inline void activate(const float* gate, const float* up, int64_t count, float* out, Activation&& activation) {
  by_four(count, [&](int64_t i, auto load, auto store) {
    const float32x4_t v = activation(load(gate + i));
    store(out + i, up != nullptr ? vmulq_f32(v, load(up + i)) : v);
  });
}

void swiglu_range(const float* gate, const float* up, int64_t count, float* out) {
  activate(gate, up, count, out, [](float32x4_t g) { return gated(g, g); });
}

/** 0.5 (1 + tanh(u)) is the sigmoid of 2u. */
void gelu_tanh_range(const float* gate, const float* up, int64_t count, float* out) {
  activate(gate, up, count, out, [](float32x4_t g) {
    const float32x4_t cube = vmulq_f32(vmulq_f32(g, g), g);
    return gated(g, vmulq_n_f32(vfmaq_n_f32(g, cube, 0.044715F), 2 * 0.7978845608028654F));
  });
}

/** As gelu_range in fused_avx2.cpp, step by step. */
void gelu_range(const float* gate, const float* up, int64_t count, float* out) {
  activate(gate, up, count, out, [](float32x4_t g) {
    const float32x4_t size = vabsq_f32(g);
    const float32x4_t z = vmulq_n_f32(size, 0.70710678118654752F);
    const float32x4_t one = vdupq_n_f32(1.0F);
    const float32x4_t t = vdivq_f32(one, vfmaq_n_f32(one, z, 0.3275911F));
    const float factors[] = {-1.453152027F, 1.421413741F, -0.284496736F, 0.254829592F};
    float32x4_t sum = vdupq_n_f32(1.061405429F);
#pragma GCC unroll 4
    for (const float c : factors) {
      sum = vfmaq_f32(vdupq_n_f32(c), sum, t);
    }
    const float32x4_t half_erfc = vmulq_f32(vmulq_n_f32(vmulq_f32(sum, t), 0.5F), exp_of(vnegq_f32(vmulq_f32(z, z))));
    const float32x4_t small = vmulq_f32(vminq_f32(vdupq_n_f32(100.0F), size), half_erfc);
    return vsubq_f32(vmaxq_f32(vdupq_n_f32(0.0F), g), small);
  });
}

void rotate_halves(const float* x, const float* cosines, const float* sines, int64_t half, float* out) {
  by_four(half, [&](int64_t i, auto load, auto store) {
    const float32x4_t a = load(x + i);
    const float32x4_t b = load(x + half + i);
    const float32x4_t c = load(cosines + i);
    const float32x4_t s = load(sines + i);
    store(out + i, vsubq_f32(vmulq_f32(a, c), vmulq_f32(b, s)));
    store(out + half + i, vaddq_f32(vmulq_f32(a, s), vmulq_f32(b, c)));
  });
}

struct Keys {
  const float* at[4];
};

/** `rows` queries against four keys. */
template <int rows>
inline void dot_tile(const float* const* q, const Keys& keys, int64_t d, float scale, float* scores, int64_t ld) {
  Sixteen sums[rows];
#pragma GCC unroll 2
  for (int r = 0; r < rows; ++r) {
    sums[r] = each_of<Sixteen>([](int) { return vdupq_n_f32(0.0F); });
  }
  by_four(d, [&](int64_t i, auto load, auto) {
    const Sixteen k = each_of<Sixteen>([&](int c) { return load(keys.at[c] + i); });
#pragma GCC unroll 2
    for (int r = 0; r < rows; ++r) {
      const float32x4_t query = load(q[r] + i);
      sums[r] = each_of<Sixteen>([&](int c) { return vfmaq_f32(sums[r].at[c], query, k.at[c]); });
    }
  });
#pragma GCC unroll 2
  for (int r = 0; r < rows; ++r) {
    const auto& four = sums[r].at;
    const float32x4_t sum = vpaddq_f32(vpaddq_f32(four[0], four[1]), vpaddq_f32(four[2], four[3]));
    vst1q_f32(scores + r * ld, vmulq_n_f32(sum, scale));
  }
}

void dot_keys(const float* const* q, int64_t rows, const FloatRows& keys, float scale, float* scores, int64_t ld) {
  for (int64_t j = 0; j < keys.count; j += 4) {
    Keys four;
    for (int64_t c = 0; c < 4; ++c) {
      four.at[c] = keys.at + (j + c < keys.count ? j + c : keys.count - 1) * keys.stride;
    }
    int64_t r = 0;
    for (; r + 2 <= rows; r += 2) {
      dot_tile<2>(q + r, four, keys.width, scale, scores + r * ld + j, ld);
    }
    if (r < rows) {
      dot_tile<1>(q + r, four, keys.width, scale, scores + r * ld + j, ld);
    }
  }
}

void add_values(const float* p, int64_t ld, int64_t rows, const FloatRows& values, float* acc) {
  const int64_t d = values.width;
  for (int64_t r = 0; r < rows; ++r) {
    float* const to = acc + r * d;
    int64_t i = 0;
    for (; i + 16 <= d; i += 16) {
      Sixteen sum = load_factors(to + i, ScaleType::F32);
      for (int64_t j = 0; j < values.count; ++j) {
        const float* const value = values.at + j * values.stride + i;
        const float weight = p[r * ld + j];
        sum = each_of<Sixteen>([&](int c) { return vfmaq_n_f32(sum.at[c], vld1q_f32(value + 4 * c), weight); });
      }
#pragma GCC unroll 4
      for (int c = 0; c < 4; ++c) {
        vst1q_f32(to + i + 4 * c, sum.at[c]);
      }
    }
    by_four(d - i, [&](int64_t more, auto load, auto store) {
      float32x4_t sum = load(to + i + more);
      for (int64_t j = 0; j < values.count; ++j) {
        sum = vfmaq_n_f32(sum, load(values.at + j * values.stride + i + more), p[r * ld + j]);
      }
      store(to + i + more, sum);
    });
  }
}

float largest(const float* x, int64_t count) {
  float32x4_t top = vdupq_n_f32(-__builtin_inff());
  int64_t i = 0;
  for (; i + 4 <= count; i += 4) {
    top = vmaxnmq_f32(top, vld1q_f32(x + i));
  }
  float result = vmaxnmvq_f32(top);
  for (; i < count; ++i) {
    result = x[i] > result ? x[i] : result;
  }
  return result;
}

float exponentials(float* x, int64_t count, float top) {
  float32x4_t sum = vdupq_n_f32(0.0F);
  by_four(count, [&](int64_t i, auto load, auto store) {
    store(x + i, exp_of(vsubq_f32(load(x + i), vdupq_n_f32(top))));
    sum = vaddq_f32(sum, load(x + i));  // again, so that missing lanes are zero
  });
  return vaddvq_f32(sum);
}

void multiply(float* x, int64_t count, float by) {
  by_four(count, [&](int64_t i, auto load, auto store) { store(x + i, vmulq_n_f32(load(x + i), by)); });
}

/** tanh(u) is 1 - 2 / (1 + e^2u). */
void softcap(float* x, int64_t count, float cap) {
  const float32x4_t one = vdupq_n_f32(1.0F);
  by_four(count, [&](int64_t i, auto load, auto store) {
    const float32x4_t growth = exp_of(vmulq_n_f32(load(x + i), 2.0F / cap));
    const float32x4_t tanh = vsubq_f32(one, vdivq_f32(vdupq_n_f32(2.0F), vaddq_f32(one, growth)));
    store(x + i, vmulq_n_f32(tanh, cap));
  });
}

}  // namespace

const FusedTable& fused_neon() {
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
