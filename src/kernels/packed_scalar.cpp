#include <algorithm>
#include <bit>
#include <cmath>

#include "kernels/packed_table.h"

namespace burin::kernels {
namespace {

/** Sum of products of one part of a group with one term of a row of a tile, whose pieces lie `step` bytes apart. */
float dot(const PackedMatrix& w, const std::byte* codes, const int8_t* x, int64_t step, int64_t part, int64_t r) {
  int sum = 0;
  for (int64_t i = 0; i < kPart; ++i) {
    sum += packed_code(w, codes, part * kPart + i, r) * x[i / 4 * step + i % 4];
  }
  return static_cast<float>(sum);
}

float element(const PackedMatrix& w, const std::byte* panel, const TileView& x, int64_t c, int64_t r) {
  const int64_t lane = r % kLanes;
  const int64_t parts = w.group_size / kPart;
  float total = 0.0F;
  float second = 0.0F;
  for (int64_t g = 0; g < w.groups(); ++g) {
    const std::byte* const record = record_of(w, panel, g, r);
    const std::byte* const codes = record + w.header_bytes();
    float partial = 0.0F;
    for (int64_t part = 0; part < parts; ++part) {
      const int64_t p = g * parts + part;
      const int64_t at = p * kPart * x.rows + 4 * c;
      const float scale = x.scales[p * x.rows + c];
      partial = std::fma(dot(w, codes, x.first + at, 4 * x.rows, part, lane), scale, partial);
      if (x.flags[p] != 0) {
        const float rest = dot(w, codes, x.second + at, 4 * x.rows, part, lane) * (scale * (1.0F / kSecondSteps));
        second = std::fma(packed_factor(record, w.scale_type, lane), rest, second);
      }
    }
    total = std::fma(packed_factor(record, w.scale_type, lane), partial, total);
    total = std::fma(packed_factor(record + w.header_bytes() / 2, w.scale_type, lane), x.sums[g * x.rows + c], total);
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
