// Attention from stock operations, for what no fused kernel has: capped scores, quantized keys and values.
// Source: mlx-lm 0.32.2 models/gemma2.py, models/base.py.
#include <limits>

#include "ops/fused.h"

namespace burin::ops {
namespace {

/** Query i of L sees keys up to S - L + i. */
mx::array causal_mask(int queries, int keys) {
  const mx::array rows = mx::expand_dims(mx::arange(keys - queries, keys, 1, mx::int32), 1);
  return mx::greater_equal(rows, mx::expand_dims(mx::arange(0, keys, 1, mx::int32), 0));
}

/** `values` broadcasts to (B, H, L, S); scores are (B, K, G, L, S). */
mx::array masked(const mx::array& scores, const mx::array& values) {
  mx::array mask = values;
  if (mask.ndim() == 4) {
    const bool one = mask.shape(1) == 1;
    mask = mx::reshape(
        mask, {mask.shape(0), one ? 1 : scores.shape(1), one ? 1 : scores.shape(2), mask.shape(2), mask.shape(3)});
  }
  if (mask.dtype() != mx::bool_) {
    return mx::add(scores, mask);
  }
  return mx::where(mask, scores, scalar_like(-std::numeric_limits<double>::infinity(), scores));
}

/** scale * q with the heads of one key together: (B, H, L, D) -> (B, K, G, L, D). */
mx::array grouped(const mx::array& q, int kv_heads, float scale) {
  return mx::reshape(mx::multiply(q, scalar_like(scale, q)),
                     {q.shape(0), kv_heads, q.shape(1) / kv_heads, q.shape(2), q.shape(3)});
}

/** Scores (B, K, G, L, S) to weights. */
mx::array weights_of(const mx::array& raw, float softcap, const Mask& mask) {
  mx::array scores = raw;
  if (softcap != 0.0F) {
    const mx::array cap = scalar_like(softcap, raw);
    scores = mx::multiply(mx::tanh(mx::divide(raw, cap)), cap);
  }
  if (mask.kind == Mask::Kind::Causal) {
    scores = masked(scores, causal_mask(scores.shape(-2), scores.shape(-1)));
  } else if (mask.kind == Mask::Kind::Array) {
    scores = masked(scores, *mask.array);
  }
  return mx::softmax(scores, -1, true);
}

mx::array ungrouped(const mx::array& mixed, const mx::array& q) {
  return mx::reshape(mixed, {q.shape(0), q.shape(1), q.shape(2), mixed.shape(-1)});
}

mx::array product(const mx::array& x, const QuantizedWeight& w, bool transposed) {
  return mx::quantized_matmul(x, mx::expand_dims(w.weight, 2), mx::expand_dims(w.scales, 2),
                              mx::expand_dims(*w.biases, 2), transposed, w.group_size, w.bits);
}

}  // namespace

mx::array softcap_attention(const mx::array& q, const mx::array& k, const mx::array& v, float scale, float softcap,
                            const Mask& mask) {
  const mx::array keys = mx::swapaxes(mx::expand_dims(k, 2), -1, -2);
  const mx::array weights = weights_of(mx::matmul(grouped(q, k.shape(1), scale), keys), softcap, mask);
  return ungrouped(mx::matmul(weights, mx::expand_dims(v, 2)), q);
}

mx::array quantized_attention(const mx::array& q, const QuantizedWeight& k, const QuantizedWeight& v, float scale,
                              float softcap, const Mask& mask) {
  const mx::array scores = product(grouped(q, k.weight.shape(1), scale), k, true);
  return ungrouped(product(weights_of(scores, softcap, mask), v, false), q);
}

}  // namespace burin::ops
