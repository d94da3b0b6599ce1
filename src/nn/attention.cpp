#include "nn/attention.h"

#include <fmt/format.h>

#include "base/error.h"

namespace burin::nn {

Attention::Attention(Parameters& parameters, const std::string& path, int hidden_size, const LayerSpec& layer,
                     const LayerNames& names)
    : spec_(layer.attention),
      o_proj_(parameters, path + "." + names.o, spec_.heads * spec_.head_dim, hidden_size, spec_.o_bias),
      q_norm_(parameters, path + "." + names.q_norm, spec_.heads, spec_.head_dim, spec_.qk_norm, layer.norm),
      k_norm_(parameters, path + "." + names.k_norm, spec_.kv_heads, spec_.head_dim, spec_.qk_norm, layer.norm),
      rope_(spec_.rope) {
  if (spec_.rope.dims > spec_.head_dim) {
    throw Error(ErrorCode::Corrupt, "config.json",
                fmt::format("RoPE over {} dimensions of heads that have {}", spec_.rope.dims, spec_.head_dim));
  }
  const auto add = [&](const std::string& name, int heads) {
    projections_.emplace_back(parameters, path + "." + name, hidden_size, heads * spec_.head_dim, spec_.qkv_bias);
  };
  if (spec_.layout == QkvLayout::Separate) {
    add(names.q, spec_.heads);
    add(names.k, spec_.kv_heads);
    add(names.v, spec_.kv_heads);
  } else {
    add(names.qkv, spec_.heads + 2 * spec_.kv_heads);
  }
}

Attention::Projected Attention::project(const mx::array& x) const {
  const int batch = x.shape(0);
  const int length = x.shape(1);
  const auto by_head = [&](const mx::array& y) { return mx::reshape(y, {batch, length, -1, spec_.head_dim}); };
  if (spec_.layout == QkvLayout::Separate) {
    return {by_head(projections_[0](x)), by_head(projections_[1](x)), by_head(projections_[2](x))};
  }
  const mx::array rows = by_head(projections_[0](x));
  if (spec_.layout == QkvLayout::Blocks) {
    const auto parts = mx::split(rows, mx::Shape{spec_.heads, spec_.heads + spec_.kv_heads}, -2);
    return {parts[0], parts[1], parts[2]};
  }
  const int group = spec_.heads / spec_.kv_heads;
  const mx::array grouped = mx::reshape(rows, {batch, length, spec_.kv_heads, group + 2, spec_.head_dim});
  const auto parts = mx::split(grouped, mx::Shape{group, group + 1}, -2);
  return {by_head(parts[0]), by_head(parts[1]), by_head(parts[2])};
}

mx::array Attention::place(const mx::array& x, const HeadNorm& norm, int offset) const {
  const mx::array first = spec_.norm_after_rope ? x : norm(x);
  mx::array rotated = rope_(mx::transpose(first, {0, 2, 1, 3}), offset);
  if (!spec_.norm_after_rope) {
    return rotated;
  }
  return mx::transpose(norm(mx::transpose(rotated, {0, 2, 1, 3})), {0, 2, 1, 3});
}

/** Source: mlx-lm 0.32.2 models/ministral3.py. */
mx::array Attention::warmed(const mx::array& q, int offset) const {
  if (spec_.temperature_beta == 0.0) {
    return q;
  }
  const mx::array positions = mx::arange(offset, offset + q.shape(-2), 1, mx::float32);
  const mx::array steps = mx::floor(mx::divide(positions, scalar(spec_.temperature_length)));
  const mx::array growth = mx::multiply(scalar(spec_.temperature_beta), mx::log(mx::add(scalar(1.0), steps)));
  return mx::multiply(q, mx::astype(mx::expand_dims(mx::add(scalar(1.0), growth), -1), q.dtype()));
}

mx::array Attention::operator()(const mx::array& x, const ops::Mask& mask, Cache& cache) const {
  const Projected p = project(x);
  const int offset = cache.offset();
  const mx::array q = warmed(place(p.q, q_norm_, offset), offset);
  const mx::array k = place(p.k, k_norm_, offset);
  const AttendParams params{.scale = static_cast<float>(spec_.scale), .softcap = static_cast<float>(spec_.softcap)};
  const mx::array mixed = cache.attend(q, k, mx::transpose(p.v, {0, 2, 1, 3}), params, mask);
  return o_proj_(mx::reshape(mx::transpose(mixed, {0, 2, 1, 3}), {x.shape(0), x.shape(1), -1}));
}

bool Attention::can_plan() const {
  const bool side_by_side = spec_.qk_norm != QkNorm::Whole || spec_.layout != QkvLayout::Groups;
  return spec_.sparsity.block_size == 0 && side_by_side && spec_.head_dim % 16 == 0 &&
         spec_.heads % spec_.kv_heads == 0;
}

bool Attention::plan(ops::DecoderPlan& plan, ops::StepAttention& to) const {
  to = {.heads = spec_.heads,
        .kv_heads = spec_.kv_heads,
        .head_dim = spec_.head_dim,
        .grouped = spec_.layout == QkvLayout::Groups,
        .norm_after_rope = spec_.norm_after_rope,
        .scale = static_cast<float>(spec_.scale),
        .temperature_beta = static_cast<float>(spec_.temperature_beta),
        .temperature_length = spec_.temperature_length,
        .window = spec_.window,
        .softcap = static_cast<float>(spec_.softcap)};
  q_norm_.plan(plan, to.q_norm);
  k_norm_.plan(plan, to.k_norm);
  bool fits = can_plan() && rope_.plan(plan, to.rope) && o_proj_.plan(plan, to.o);
  for (const Linear& projection : projections_) {
    to.qkv.emplace_back();
    fits = fits && projection.plan(plan, to.qkv.back()) &&
           to.qkv.back().weight.group_size == to.qkv.front().weight.group_size;
  }
  return fits;
}

}  // namespace burin::nn
