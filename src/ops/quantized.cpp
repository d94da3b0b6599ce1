#include "ops/quantized.h"

namespace burin::ops {

mx::array quantized_matmul(const mx::array& x, const QuantizedWeight& w, Precision /*precision*/) {
  const mx::array scales = mx::astype(w.scales, x.dtype());
  const mx::array biases = mx::astype(w.biases, x.dtype());
  return mx::quantized_matmul(x, w.weight, scales, biases, true, w.group_size, w.bits);
}

mx::array quantized_embedding(const mx::array& ids, const QuantizedWeight& w) {
  const auto rows = [&](const mx::array& table) { return mx::take(table, ids, 0); };
  return mx::dequantize(rows(w.weight), mx::astype(rows(w.scales), mx::float32),
                        mx::astype(rows(w.biases), mx::float32), w.group_size, w.bits);
}

}  // namespace burin::ops
