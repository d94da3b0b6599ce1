// Attention with capped scores, from stock operations: no fused kernel has the cap.
#include <limits>

#include "ops/fused.h"

namespace burin::ops {
namespace {

mx::array scalar(float value, const mx::array& like) {
  return mx::array(value, like.dtype());
}

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
  return mx::where(mask, scores, scalar(-std::numeric_limits<float>::infinity(), scores));
}

}  // namespace

mx::array softcap_attention(const mx::array& q, const mx::array& k, const mx::array& v, float scale, float softcap,
                            const Mask& mask) {
  const int heads = q.shape(1);
  const int kv_heads = k.shape(1);
  const int length = q.shape(2);
  const mx::array grouped =
      mx::reshape(mx::multiply(q, scalar(scale, q)), {q.shape(0), kv_heads, heads / kv_heads, length, q.shape(3)});
  const mx::array keys = mx::swapaxes(mx::expand_dims(k, 2), -1, -2);
  mx::array scores = mx::divide(mx::matmul(grouped, keys), scalar(softcap, q));
  scores = mx::multiply(mx::tanh(scores), scalar(softcap, q));
  if (mask.kind != Mask::Kind::None) {
    scores = masked(scores, mask.kind == Mask::Kind::Causal ? causal_mask(length, k.shape(2)) : *mask.array);
  }
  const mx::array weights = mx::softmax(scores, -1, true);
  return mx::reshape(mx::matmul(weights, mx::expand_dims(v, 2)), {q.shape(0), heads, length, v.shape(3)});
}

}  // namespace burin::ops
