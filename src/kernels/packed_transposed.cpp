// A span of columns of every panel becomes floats, which all rows of dy then take: what it costs to unpack them is
// shared by the rows.
#include <algorithm>
#include <vector>

#include "kernels/packed_table.h"
#include "kernels/qmatmul_table.h"
#include "kernels/thread_pool.h"

namespace burin::kernels {
namespace {

static_assert(kLanes == kPanelRows);

/** Span `s` of a panel as values. Shapes: out (span / 16, 32, 16): sixteen columns of every row. */
void unpack_span(const PackedMatrix& w, const std::byte* panel, int64_t s, float* out) {
  PackedFactors factors[kLanes];
  for (int64_t half = 0; half < kPanelHeight; half += kLanes) {
    for (int64_t k = 0; k < w.span(); ++k) {
      const int64_t g = (s * w.span() + k) / w.group_size;
      const std::byte* const codes = record_of(w, panel, g, half) + w.header_bytes();
      for (int64_t r = 0; r < kLanes && k % w.group_size == 0; ++r) {
        factors[r] = factors_of(w, panel, g, half + r);
      }
      float* const to = out + (k / kLanes * kPanelHeight + half) * kLanes + k % kLanes;
      for (int64_t r = 0; r < kLanes; ++r) {
        to[r * kLanes] = factors[r].scale * static_cast<float>(packed_code(w, codes, k, r)) + factors[r].bias;
      }
    }
  }
}

/** x times a panel of 16 columns. Shapes: x (m, k), panel (k, 16) -> out (m, 16). */
void multiply(const FloatRows& x, const float* panel, const PanelOutput& out) {
  if (const auto vectors = qmatmul_table().panel) {
    return vectors(x, panel, out);
  }
  for (int64_t i = 0; i < x.count; ++i) {
    for (int64_t c = 0; c < kLanes; ++c) {
      float& to = out.y[i * out.ldy + c];
      to = out.add ? to : 0.0F;
      for (int64_t r = 0; r < x.width; ++r) {
        to += x.at[i * x.stride + r] * panel[r * kLanes + c];
      }
    }
  }
}

}  // namespace

void packed_matmul_transposed(const PackedMatrix& w, const float* dy, int64_t m, float* dx) {
  pool().parallel_for(w.spans(), 1, [&](int64_t begin, int64_t end) {
    std::vector<float> values(static_cast<size_t>(kPanelHeight * w.span()));
    for (int64_t s = begin; s < end; ++s) {
      for (int64_t panel = 0; panel < w.panels(); ++panel) {
        const int64_t rows = std::min(kPanelHeight, w.rows - panel * kPanelHeight);
        unpack_span(w, w.data + panel * w.panel_bytes(), s, values.data());
        for (int64_t k = 0; k < w.span(); k += kLanes) {
          multiply({dy + panel * kPanelHeight, w.rows, m, rows}, values.data() + k * kPanelHeight,
                   {dx + s * w.span() + k, w.columns, panel > 0});
        }
      }
    }
  });
}

}  // namespace burin::kernels
