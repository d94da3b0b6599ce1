#include "kernels/qmatmul.h"

#include <algorithm>
#include <limits>
#include <vector>

#include "kernels/isa_table.h"
#include "kernels/qmatmul_table.h"
#include "kernels/thread_pool.h"

namespace burin::kernels {
namespace {

constexpr int64_t kGrainBytes = 8 << 10;  // codes that are worth handing to another thread
constexpr int64_t kPanelColumns = 1024;   // 64 KB panels stay in L2
constexpr int64_t kMinPanelRowsOfX = 32;  // below, dequantizing costs more than it saves

/** A buffer that each thread keeps between calls. `slot` tells buffers in use at the same time apart. */
template <int slot, typename T>
T* kept(int64_t count) {
  thread_local std::vector<T> buffer;
  if (buffer.size() < static_cast<size_t>(count)) {
    buffer.assign(static_cast<size_t>(count), T{});
  }
  return buffer.data();
}

int64_t grain_in_blocks(const QuantizedMatrix& w, int64_t m) {
  const int64_t bytes = std::max<int64_t>(1, kRowBlock * w.columns * w.bits / 8 * m);
  return std::max<int64_t>(1, kGrainBytes / bytes);
}

/** Row blocks of W over the pool. */
template <typename Rows>
void for_row_blocks(const QuantizedMatrix& w, int64_t m, Rows&& rows) {
  pool().parallel_for(padded(w.rows, kRowBlock) / kRowBlock, grain_in_blocks(w, m), [&](int64_t begin, int64_t end) {
    float* scratch = kept<0, float>(scratch_floats(w, kRowChunk));
    rows(begin * kRowBlock, std::min(end * kRowBlock, w.rows), scratch);
  });
}

/** Columns [from, from + count) of `kPanelRows` rows from `begin`, dequantized and transposed; missing rows are zero.
 */
void fill_panel(const QuantizedMatrix& w, const QMatmulTable& t, int64_t begin, float* rows) {
  for (int64_t r = 0; r < kPanelRows; ++r) {
    if (begin + r < w.rows) {
      t.dequantize_row(w, begin + r, rows + r * w.columns);
    } else {
      std::fill_n(rows + r * w.columns, w.columns, 0.0F);
    }
  }
}

void transpose_panel(const float* rows, int64_t columns, int64_t from, int64_t count, float* panel) {
  for (int64_t k = 0; k < count; ++k) {
    for (int64_t r = 0; r < kPanelRows; ++r) {
      panel[k * kPanelRows + r] = rows[r * columns + from + k];
    }
  }
}

void panel_block(const QuantizedMatrix& w, const QMatmulTable& t, const float* x, int64_t m, int64_t begin, float* y) {
  float* rows = kept<1, float>(kPanelRows * w.columns);
  float* panel = kept<2, float>(kPanelRows * kPanelColumns);
  const int64_t width = std::min(kPanelRows, w.rows - begin);
  const bool whole = width == kPanelRows;
  float* out = whole ? y + begin : kept<3, float>(m * kPanelRows);
  const int64_t ldy = whole ? w.rows : kPanelRows;
  fill_panel(w, t, begin, rows);
  for (int64_t from = 0; from < w.columns; from += kPanelColumns) {
    const int64_t count = std::min(kPanelColumns, w.columns - from);
    transpose_panel(rows, w.columns, from, count, panel);
    t.panel({x + from, w.columns, m, count}, panel, {out, ldy, from > 0});
  }
  for (int64_t i = 0; !whole && i < m; ++i) {
    std::copy_n(out + i * ldy, width, y + i * w.rows + begin);
  }
}

void exact_panels(const QuantizedMatrix& w, const QMatmulTable& t, const float* x, int64_t m, float* y) {
  pool().parallel_for(padded(w.rows, kPanelRows) / kPanelRows, 1, [&](int64_t begin, int64_t end) {
    for (int64_t block = begin; block < end; ++block) {
      panel_block(w, t, x, m, block * kPanelRows, y);
    }
  });
}

void exact_vectors(const QuantizedMatrix& w, const QMatmulTable& t, const float* x, int64_t m, float* y) {
  const int64_t planes_stride = padded(w.columns, kColumnPad);
  const int64_t sums_stride = padded(w.groups(), kGroupPad) + kGroupPad;
  float* planes = kept<4, float>(m * planes_stride);
  float* sums = kept<5, float>(m * sums_stride);
  std::fill_n(planes, m * planes_stride, 0.0F);
  std::fill_n(sums, m * sums_stride, 0.0F);
  for (int64_t i = 0; i < m; ++i) {
    t.prepare_exact(w, x + i * w.columns, planes + i * planes_stride, sums + i * sums_stride);
  }
  const ExactInput input{planes, planes_stride, sums, sums_stride, m};
  for_row_blocks(w, m,
                 [&](int64_t begin, int64_t end, float* scratch) { t.exact_rows(w, input, begin, end, scratch, y); });
}

}  // namespace

const QMatmulTable& qmatmul_table() {
  return kernels_in_use().qmatmul();
}

void quantized_matmul_exact(const QuantizedMatrix& w, const float* x, int64_t m, float* y) {
  const QMatmulTable& t = qmatmul_table();
  if (m >= kMinPanelRowsOfX && t.panel != nullptr) {
    exact_panels(w, t, x, m, y);
  } else if (m > 0) {
    exact_vectors(w, t, x, m, y);
  }
}

void dequantize_rows(const QuantizedMatrix& w, const int32_t* ids, int64_t count, float* out) {
  const QMatmulTable& t = qmatmul_table();
  pool().parallel_for(count, std::max<int64_t>(1, 16384 / std::max<int64_t>(1, w.columns)),
                      [&](int64_t begin, int64_t end) {
                        for (int64_t i = begin; i < end; ++i) {
                          const int64_t row = ids[i] < 0 ? ids[i] + w.rows : ids[i];
                          if (row >= 0 && row < w.rows) {
                            t.dequantize_row(w, row, out + i * w.columns);
                          } else {
                            std::fill_n(out + i * w.columns, w.columns, std::numeric_limits<float>::quiet_NaN());
                          }
                        }
                      });
}

}  // namespace burin::kernels
