// How our kernels enter MLX's graph on the CPU: one primitive class, with a stock form beside it for gradients.
#pragma once

#include <mlx/allocator.h>
#include <mlx/backend/cpu/encoder.h>
#include <mlx/primitives.h>

#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "ops/array.h"

namespace burin::ops {

/** Whether arrays made now live on the CPU, so that our kernels apply. */
bool on_cpu();

/** Throws: InvalidArgument, unless `holds`. */
void require(bool holds, std::string_view where, std::string_view message);

/**
 * The elements of an array in row order, for use on the stream's thread. An array that is not contiguous is gathered
 * when `get` is first called there.
 */
template <typename T>
class Elements {
 public:
  explicit Elements(const mx::array& a)
      : from_(a.data<T>()), contiguous_(a.flags().row_contiguous), shape_(a.shape()), strides_(a.strides()) {
    if (!contiguous_) {
      gathered_ = std::make_shared<std::vector<T>>(a.size());
    }
  }

  const T* get() const {
    if (contiguous_) {
      return from_;
    }
    T* to = gathered_->data();
    gather(0, from_, to);
    return gathered_->data();
  }

 private:
  void gather(size_t axis, const T* from, T*& to) const {
    if (axis == shape_.size()) {
      *to++ = *from;
      return;
    }
    for (int i = 0; i < shape_[axis]; ++i) {
      gather(axis + 1, from + i * strides_[axis], to);
    }
  }

  const T* from_;
  bool contiguous_;
  mx::Shape shape_;
  mx::Strides strides_;
  std::shared_ptr<std::vector<T>> gathered_;
};

using Stock = std::function<mx::array(const std::vector<mx::array>&)>;

/** The gradient for the only input, of the output's. */
using Gradient = std::function<mx::array(const mx::array&)>;

/**
 * A primitive with one output whose work is `prepare(inputs, output)`: called when buffers are known, it returns what
 * the stream's thread then runs. Gradients are those of `stock`.
 */
class CpuPrimitive : public mx::UnaryPrimitive {
 public:
  using Prepare = std::function<std::function<void()>(const std::vector<mx::array>&, mx::array&)>;

  CpuPrimitive(mx::Stream stream, const char* name, Prepare prepare, Stock stock);
  CpuPrimitive(mx::Stream stream, const char* name, Prepare prepare, Gradient gradient);

  void eval_cpu(const std::vector<mx::array>& inputs, mx::array& out) override;
  void eval_gpu(const std::vector<mx::array>& inputs, mx::array& out) override;
  std::vector<mx::array> vjp(const std::vector<mx::array>& primals, const std::vector<mx::array>& cotangents,
                             const std::vector<int>& argnums, const std::vector<mx::array>& outputs) override;
  const char* name() const override { return name_; }

 private:
  const char* name_;
  Prepare prepare_;
  Stock stock_;
  Gradient gradient_;  // or this
};

/** The float32 array of `shape` that such a primitive gives. */
mx::array apply(const char* name, mx::Shape shape, std::vector<mx::array> inputs, CpuPrimitive::Prepare prepare,
                Stock stock);

/** The same for one input, with a gradient of its own. */
mx::array apply(const char* name, mx::Shape shape, const mx::array& input, CpuPrimitive::Prepare prepare,
                Gradient gradient);

/** `a` itself where it is float32 already. */
mx::array as_float32(const mx::array& a);

}  // namespace burin::ops
