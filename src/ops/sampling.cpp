#include "ops/sampling.h"

#include <algorithm>
#include <limits>

#include "kernels/sampling.h"
#include "ops/cpu_primitive.h"

namespace burin::ops {
namespace {

mx::array stock_log_softmax(const mx::array& x) {
  return x - mx::logsumexp(x, -1, true);
}

mx::array stock_keep_largest(const mx::array& x, int k) {
  const mx::array order = mx::argpartition(mx::negative(x), k - 1, -1);
  const mx::array dropped = mx::slice(order, {0, k}, {x.shape(0), x.shape(1)});
  return mx::put_along_axis(x, dropped, scalar_like(-std::numeric_limits<float>::infinity(), x), -1);
}

/** `kernel(x, rows, columns, out)` as a node of the graph. */
template <typename Kernel>
mx::array by_rows(const char* name, const mx::array& x, Kernel kernel, Stock stock) {
  const auto prepare = [kernel](const std::vector<mx::array>& inputs, mx::array& out) {
    return [x = Elements<float>(inputs[0]), to = out.data<float>(), rows = int64_t{out.shape(0)},
            columns = int64_t{out.shape(1)}, kernel] { kernel(x.get(), rows, columns, to); };
  };
  return apply(name, x.shape(), std::vector<mx::array>{x}, prepare, std::move(stock));
}

/** Tokens with a strictly greater mass of at least share * total above them go. */
mx::array stock_keep_mass(const mx::array& logprobs, double share) {
  const mx::array sorted = mx::sort(logprobs, -1);
  const mx::array probs = mx::exp(as_float32(sorted));
  const mx::array mass_above = mx::cumsum(probs, -1, /* reverse = */ true, /* inclusive = */ false);
  const int rows = logprobs.shape(0);
  const mx::array total = mx::slice(mass_above, {0, 0}, {rows, 1}) + mx::slice(probs, {0, 0}, {rows, 1});
  const mx::array dropped = mx::sum(mx::greater_equal(mass_above, scalar_like(share, total) * total), -1, true);
  const mx::array threshold = mx::take_along_axis(sorted, dropped, -1);
  return mx::where(mx::less(logprobs, threshold), scalar_like(-std::numeric_limits<float>::infinity(), logprobs),
                   logprobs);
}

mx::array stock_keep_allowed(const mx::array& x, const mx::array& words) {
  const mx::array places = mx::arange(32, mx::uint32);
  const mx::array bits = mx::bitwise_and(mx::right_shift(mx::expand_dims(words, -1), places), mx::array(1U));
  const mx::array all = mx::reshape(mx::not_equal(bits, mx::array(0U)), {x.shape(0), -1});
  return mx::where(mx::slice(all, {0, 0}, x.shape()), x, scalar_like(-std::numeric_limits<float>::infinity(), x));
}

bool has_kernel(const mx::array& x) {
  return on_cpu() && x.dtype() == mx::float32 && x.ndim() == 2;
}

}  // namespace

mx::array log_softmax(const mx::array& x) {
  if (!has_kernel(x)) {
    return stock_log_softmax(x);
  }
  return by_rows("LogSoftmax", x, kernels::log_softmax,
                 [](const std::vector<mx::array>& inputs) { return stock_log_softmax(inputs[0]); });
}

mx::array keep_largest(const mx::array& x, int k) {
  require(x.ndim() == 2 && k > 0 && k < x.shape(1), "keep_largest", "k must be from 1 to less than a row has");
  if (!has_kernel(x)) {
    return stock_keep_largest(x, k);
  }
  const auto kernel = [k](const float* from, int64_t rows, int64_t columns, float* to) {
    kernels::keep_largest(from, rows, columns, k, to);
  };
  return by_rows("KeepLargest", x, kernel,
                 [k](const std::vector<mx::array>& inputs) { return stock_keep_largest(inputs[0], k); });
}

mx::array keep_mass(const mx::array& logprobs, double share) {
  if (!has_kernel(logprobs)) {
    return stock_keep_mass(logprobs, share);
  }
  const auto kernel = [share](const float* from, int64_t rows, int64_t columns, float* to) {
    kernels::keep_mass(from, rows, columns, share, to);
  };
  return by_rows("KeepMass", logprobs, kernel,
                 [share](const std::vector<mx::array>& inputs) { return stock_keep_mass(inputs[0], share); });
}

mx::array keep_allowed(const mx::array& x, const mx::array& words) {
  const bool fits = x.ndim() == 2 && words.ndim() == 2 && words.dtype() == mx::uint32 && words.shape(0) == x.shape(0) &&
                    words.shape(1) == (x.shape(1) + 31) / 32;
  require(fits, "keep_allowed", "one bit for each element is needed");
  if (!has_kernel(x)) {
    return stock_keep_allowed(x, words);
  }
  const auto prepare = [](const std::vector<mx::array>& inputs, mx::array& out) {
    return [x = Elements<float>(inputs[0]), words = Elements<uint32_t>(inputs[1]), to = out.data<float>(),
            rows = int64_t{out.shape(0)},
            columns = int64_t{out.shape(1)}] { kernels::keep_allowed(x.get(), words.get(), rows, columns, to); };
  };
  return apply("KeepAllowed", x.shape(), std::vector<mx::array>{x, words}, prepare,
               [](const std::vector<mx::array>& inputs) { return stock_keep_allowed(inputs[0], inputs[1]); });
}

}  // namespace burin::ops
