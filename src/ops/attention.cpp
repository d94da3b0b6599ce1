#include "kernels/attention.h"

#include <algorithm>
#include <limits>

#include "ops/cpu_primitive.h"
#include "ops/fused.h"

namespace burin::ops {
namespace {

mx::array stock_attention(const mx::array& q, const mx::array& k, const mx::array& v, float scale, bool causal,
                          const std::optional<mx::array>& mask) {
  return mx::fast::scaled_dot_product_attention(q, k, v, scale, causal ? "causal" : "", mask);
}

/** Additive float32 with four axes; where MLX would put the lowest float, adding it comes to the same. */
mx::array additive(const mx::array& mask) {
  mx::array values = mask;
  if (mask.dtype() == mx::bool_) {
    values = mx::where(mask, mx::array(0.0F), mx::array(std::numeric_limits<float>::lowest()));
  }
  while (values.ndim() < 4) {
    values = mx::expand_dims(values, 0);
  }
  return as_float32(values);
}

void check(const mx::array& q, const mx::array& k, const mx::array& v) {
  require(q.ndim() == 4 && k.ndim() == 4 && v.ndim() == 4, "attention", "q, k and v have four axes");
  require(k.shape(1) > 0 && q.shape(1) % k.shape(1) == 0, "attention", "query heads are a multiple of KV heads");
  require(k.shape(0) == q.shape(0) && v.shape(0) == q.shape(0) && v.shape(1) == k.shape(1) &&
              v.shape(2) == k.shape(2) && k.shape(3) == q.shape(3),
          "attention", "q, k and v do not fit each other");
}

void check_mask(const mx::array& mask, const mx::Shape& scores) {
  require(mask.ndim() == 4, "attention", "a mask has at most four axes");
  for (int axis = 0; axis < 4; ++axis) {
    require(mask.shape(axis) == 1 || mask.shape(axis) == scores[static_cast<size_t>(axis)], "attention",
            "the mask does not broadcast to (B, H, L, S)");
  }
}

/** An operand read in place where its last axis is dense, else gathered. */
class Operand {
 public:
  explicit Operand(const mx::array& a)
      : elements_(a), from_(a.strides(3) == 1 || a.shape(3) == 1 ? a.data<float>() : nullptr) {
    int64_t dense = 1;
    for (int axis = 2; axis >= 0; --axis) {
      dense *= a.shape(axis + 1);
      stride_[axis] = from_ != nullptr ? a.strides(axis) : dense;
    }
  }

  const float* get() const { return from_ != nullptr ? from_ : elements_.get(); }
  void copy_strides(int64_t (&to)[3]) const { std::copy(stride_, stride_ + 3, to); }

 private:
  Elements<float> elements_;
  const float* from_;
  int64_t stride_[3] = {};
};

/** Shapes: out (B, L, H, Dv). */
kernels::AttentionShape shape_of(const std::vector<mx::array>& inputs, float scale, bool causal) {
  const mx::array& q = inputs[0];
  const int64_t value_dim = inputs[2].shape(3);
  kernels::AttentionShape shape{.batch = q.shape(0),
                                .heads = q.shape(1),
                                .kv_heads = inputs[1].shape(1),
                                .queries = q.shape(2),
                                .keys = inputs[1].shape(2),
                                .head_dim = q.shape(3),
                                .value_dim = value_dim,
                                .q_stride = {},
                                .k_stride = {},
                                .v_stride = {},
                                .out_stride = {},
                                .mask_stride = {},
                                .scale = scale,
                                .causal = causal};
  shape.out_stride[0] = shape.queries * shape.heads * value_dim;
  shape.out_stride[1] = value_dim;
  shape.out_stride[2] = shape.heads * value_dim;
  for (int axis = 0; inputs.size() > 3 && axis < 4; ++axis) {
    shape.mask_stride[axis] = inputs[3].shape(axis) == 1 ? 0 : inputs[3].strides(axis);
  }
  return shape;
}

std::function<void()> prepare(const std::vector<mx::array>& inputs, mx::array& out, float scale, bool causal) {
  const Operand q(inputs[0]);
  const Operand k(inputs[1]);
  const Operand v(inputs[2]);
  kernels::AttentionShape shape = shape_of(inputs, scale, causal);
  q.copy_strides(shape.q_stride);
  k.copy_strides(shape.k_stride);
  v.copy_strides(shape.v_stride);
  const float* mask = inputs.size() > 3 ? inputs[3].data<float>() : nullptr;
  return [q, k, v, shape, mask, to = out.data<float>()] {
    kernels::attention(shape, q.get(), k.get(), v.get(), mask, to);
  };
}

}  // namespace

mx::array attention(const mx::array& q, const mx::array& k, const mx::array& v, float scale, const Mask& mask) {
  const bool causal = mask.kind == Mask::Kind::Causal;
  if (!on_cpu()) {
    return stock_attention(q, k, v, scale, causal, mask.array);
  }
  check(q, k, v);
  std::vector<mx::array> inputs{as_float32(q), as_float32(k), as_float32(v)};
  if (mask.array) {
    inputs.push_back(additive(*mask.array));
    check_mask(inputs.back(), {q.shape(0), q.shape(1), q.shape(2), k.shape(2)});
  }
  const auto stock = [scale, causal](const std::vector<mx::array>& in) {
    const std::optional<mx::array> values = in.size() > 3 ? std::optional(in[3]) : std::nullopt;
    return mx::transpose(stock_attention(in[0], in[1], in[2], scale, causal, values), {0, 2, 1, 3});
  };
  // The heads of a token lie side by side, as the output projection reads them.
  const mx::array by_token = apply(
      "attention", {q.shape(0), q.shape(2), q.shape(1), v.shape(3)}, std::move(inputs),
      [scale, causal](const std::vector<mx::array>& in, mx::array& out) { return prepare(in, out, scale, causal); },
      stock);
  return mx::transpose(by_token, {0, 2, 1, 3});
}

}  // namespace burin::ops
