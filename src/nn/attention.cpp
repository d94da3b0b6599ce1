#include "nn/attention.h"

namespace burin::nn {

Attention::Attention(Parameters& parameters, const std::string& path, int hidden_size, const LayerSpec& layer)
    : spec_(layer.attention),
      o_proj_(parameters, path + ".o_proj", spec_.heads * spec_.head_dim, hidden_size, spec_.o_bias),
      rope_(spec_.rope) {
  const int q_dims = spec_.heads * spec_.head_dim;
  const int kv_dims = spec_.kv_heads * spec_.head_dim;
  if (spec_.fused_qkv) {
    projections_.emplace_back(parameters, path + ".qkv_proj", hidden_size, q_dims + 2 * kv_dims, spec_.qkv_bias);
  } else {
    projections_.emplace_back(parameters, path + ".q_proj", hidden_size, q_dims, spec_.qkv_bias);
    projections_.emplace_back(parameters, path + ".k_proj", hidden_size, kv_dims, spec_.qkv_bias);
    projections_.emplace_back(parameters, path + ".v_proj", hidden_size, kv_dims, spec_.qkv_bias);
  }
  if (spec_.qk_norm != QkNorm::None) {
    const bool whole = spec_.qk_norm == QkNorm::Whole;
    q_norm_.emplace(parameters, path + ".q_norm", whole ? q_dims : spec_.head_dim, layer.norm);
    k_norm_.emplace(parameters, path + ".k_norm", whole ? kv_dims : spec_.head_dim, layer.norm);
  }
}

Attention::Projected Attention::project(const mx::array& x) const {
  if (!spec_.fused_qkv) {
    return {projections_[0](x), projections_[1](x), projections_[2](x)};
  }
  const int q_end = spec_.heads * spec_.head_dim;
  const int k_end = q_end + spec_.kv_heads * spec_.head_dim;
  const std::vector<mx::array> parts = mx::split(projections_[0](x), mx::Shape{q_end, k_end}, -1);
  return {parts[0], parts[1], parts[2]};
}

mx::array Attention::split_heads(const mx::array& x, int heads, const std::optional<RmsNorm>& norm) const {
  const bool per_head = norm && spec_.qk_norm == QkNorm::PerHead;
  const mx::array whole = norm && !per_head ? (*norm)(x) : x;
  const mx::array by_head = mx::reshape(whole, {x.shape(0), x.shape(1), heads, spec_.head_dim});
  return mx::transpose(per_head ? (*norm)(by_head) : by_head, {0, 2, 1, 3});
}

mx::array Attention::operator()(const mx::array& x, const ops::Mask& mask, Cache& cache) const {
  const Projected p = project(x);
  const int offset = cache.offset();
  const mx::array q = rope_(split_heads(p.q, spec_.heads, q_norm_), offset);
  const mx::array k = rope_(split_heads(p.k, spec_.kv_heads, k_norm_), offset);
  const mx::array v = split_heads(p.v, spec_.kv_heads, std::nullopt);
  const auto [keys, values] = cache.update_and_fetch(k, v);
  const mx::array mixed = ops::attention(q, keys, values, static_cast<float>(spec_.scale), mask);
  return o_proj_(mx::reshape(mx::transpose(mixed, {0, 2, 1, 3}), {x.shape(0), x.shape(1), -1}));
}

}  // namespace burin::nn
