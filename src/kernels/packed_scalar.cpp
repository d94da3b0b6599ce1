#include <algorithm>
#include <bit>
#include <cmath>

#include "kernels/packed_table.h"

namespace burin::kernels {
namespace {

/** Sum of the products of columns `at` to `at` + 3 with a piece of a row of a tile. */
int quad(const PackedMatrix& w, const std::byte* codes, int64_t at, int64_t r, const int8_t* piece) {
  int sum = 0;
  for (int64_t i = 0; i < 4; ++i) {
    sum += packed_code(w, codes, at % w.span() + i, r % kLanes) * piece[i];
  }
  return sum;
}

float outliers_of(const PackedMatrix& w, const std::byte* panel, const TileView& x, int64_t c, int64_t r) {
  float total = 0.0F;
  const Outlier* const first = x.outliers + c * (w.columns / 4);
  for (const Outlier* o = first; o != first + x.counts[c]; ++o) {
    const int64_t column = int64_t{4} * o->quad;
    const int64_t g = column / w.group_size;
    const int sum = quad(w, record_of(w, panel, g, r) + w.header_bytes(), column, r, o->high);
    total = std::fma(factors_of(w, panel, g, r).scale, static_cast<float>(sum), total);
  }
  return total;
}

float element(const PackedMatrix& w, const std::byte* panel, const TileView& x, int64_t c, int64_t r) {
  float total = 0.0F;
  for (int64_t g = 0; g < w.groups(); ++g) {
    const std::byte* const codes = record_of(w, panel, g, r) + w.header_bytes();
    const PackedFactors factors = factors_of(w, panel, g, r);
    int sum = 0;
    for (int64_t column = g * w.group_size; column < (g + 1) * w.group_size; column += 4) {
      const int64_t piece = column * x.rows + 4 * c;
      const int high = x.high == nullptr ? 0 : quad(w, codes, column, r, x.high + piece);
      sum += 256 * high + quad(w, codes, column, r, x.low + piece);
    }
    total = std::fma(factors.scale, static_cast<float>(sum), total);
    total = std::fma(factors.bias, x.sums[g * x.rows + c], total);
  }
  return std::fma(outliers_of(w, panel, x, c, r), 256.0F, total) * x.scales[c];
}

void tile(const PackedMatrix& w, const std::byte* panel, const TileView& x, const PackedOutput& out, int64_t rows) {
  for (int64_t c = 0; c < x.rows; ++c) {
    for (int64_t r = 0; r < rows; ++r) {
      float& to = out.y[c * out.ldy + r];
      to = element(w, panel, x, c, r) + (out.add ? to : 0.0F);
    }
  }
}

/** Largest as bits, where integer order is float order and NaN stays on top. */
RowFacts measure_row(const float* x, int64_t columns) {
  uint32_t top = 0;
  float lanes[kPart] = {};
  for (int64_t i = 0; i < columns; ++i) {
    top = std::max(top, std::bit_cast<uint32_t>(x[i]) & 0x7fffffffU);
    lanes[i % kPart] += std::fabs(x[i]);
  }
  return {std::bit_cast<float>(top), add_halves(lanes, kPart)};
}

RoundedPart round_part(const float* x, float inverse, int8_t* low, int8_t* high) {
  RoundedPart part{};
  for (int64_t i = 0; i < kPart; ++i) {
    const auto value = static_cast<int32_t>(std::lrint(x[i] * inverse));
    low[i] = static_cast<int8_t>(value);
    high[i] = static_cast<int8_t>((value - low[i]) / 256);
    part.sum += value;
    part.wide |= static_cast<uint32_t>(high[i] != 0) << (i / 4);
  }
  return part;
}

}  // namespace

const PackedTable& packed_scalar() {
  static constexpr PackedTable kTable{tile, measure_row, round_part};
  return kTable;
}

}  // namespace burin::kernels
