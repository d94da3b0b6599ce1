#include <algorithm>
#include <bit>
#include <cmath>

#include "kernels/packed_table.h"

namespace burin::kernels {
namespace {

/** Sum of `count` products, from a record's column `first` on, with one term of a row of a tile, whose pieces lie
 * `step` bytes apart. */
struct Run {
  const std::byte* codes;
  int64_t first, count, lane, step;
};

float dot(const PackedMatrix& w, const Run& run, const int8_t* x) {
  int sum = 0;
  for (int64_t i = 0; i < run.count; ++i) {
    sum += packed_code(w, run.codes, run.first + i, run.lane) * x[i / 4 * run.step + i % 4];
  }
  return static_cast<float>(sum);
}

float element(const PackedMatrix& w, const std::byte* panel, const TileView& x, int64_t c, int64_t r) {
  const int64_t count = std::min<int64_t>(kPart, w.group_size);
  float total = 0.0F;
  float second = 0.0F;
  for (int64_t g = 0; g < w.groups(); ++g) {
    const std::byte* const codes = record_of(w, panel, g, r) + w.header_bytes();
    const PackedFactors factors = factors_of(w, panel, g, r);
    float partial = 0.0F;
    for (int64_t k = g * w.group_size; k < (g + 1) * w.group_size; k += count) {
      const Run run{codes, k % w.span(), count, r % kLanes, 4 * x.rows};
      const int64_t p = k / kPart;
      const int64_t at = k * x.rows + 4 * c;
      const float scale = x.scales[p * x.rows + c];
      partial = std::fma(dot(w, run, x.first + at), scale, partial);
      if (x.flags[p] != 0) {
        second = std::fma(factors.scale, dot(w, run, x.second + at) * (scale * (1.0F / kSecondSteps)), second);
      }
    }
    total = std::fma(factors.scale, partial, total);
    total = std::fma(factors.bias, x.sums[g * x.rows + c], total);
  }
  return total + second;
}

void tile(const PackedMatrix& w, const std::byte* panel, const TileView& x, const PackedOutput& out, int64_t rows) {
  for (int64_t c = 0; c < x.rows; ++c) {
    for (int64_t r = 0; r < rows; ++r) {
      float& to = out.y[c * out.ldy + r];
      to = element(w, panel, x, c, r) + (out.add ? to : 0.0F);
    }
  }
}

int8_t to_int8(float value) {
  return static_cast<int8_t>(std::clamp(std::lrint(value), -128L, 127L));
}

/** As bits, where integer order is float order and NaN stays on top. */
PartFacts measure_part(const float* x) {
  uint32_t top = 0;
  float squares = 0.0F;
  for (int64_t i = 0; i < kPart; ++i) {
    top = std::max(top, std::bit_cast<uint32_t>(x[i]) & 0x7fffffffU);
    squares += x[i] * x[i];
  }
  return {std::bit_cast<float>(top), squares};
}

float round_part(const float* x, float inverse, int8_t* codes, int8_t* rest) {
  int sum = 0;
  int rest_sum = 0;
  for (int64_t i = 0; i < kPart; ++i) {
    const float scaled = x[i] * inverse;
    codes[i] = to_int8(scaled);
    sum += codes[i];
    if (rest != nullptr) {
      rest[i] = to_int8((scaled - static_cast<float>(codes[i])) * kSecondSteps);
      rest_sum += rest[i];
    }
  }
  return static_cast<float>(sum) + 1.0F / kSecondSteps * static_cast<float>(rest_sum);
}

}  // namespace

const PackedTable& packed_scalar() {
  static constexpr PackedTable kTable{tile, measure_part, round_part};
  return kTable;
}

}  // namespace burin::kernels
