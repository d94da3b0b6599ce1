#include "kernels/packed.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "kernels/isa_table.h"
#include "kernels/packed_table.h"
#include "kernels/thread_pool.h"

namespace burin::kernels {
namespace {

constexpr float kZero = 1e-30F;            // magnitudes below count as nothing
constexpr float kLargestLow = 127;         // without a high byte
constexpr float kLargest = 127 * 256;      // with one
constexpr int64_t kGrainBytes = 16 << 10;  // weights, times rows of x, that are worth handing to another thread

const PackedTable& table() {
  return kernels_in_use().packed();
}

/** Codes `at` to `at` + 3 of a little-endian stream of `size` bytes, as four bytes. */
template <int bits>
uint32_t four_codes(const uint8_t* from, int64_t at, int64_t size) {
  const int64_t begin = at * bits / 8;
  uint64_t window = 0;
  if constexpr (bits == 8) {
    std::memcpy(&window, from + begin, 4);
    return static_cast<uint32_t>(window);
  }
  if (size - begin >= 8) {
    std::memcpy(&window, from + begin, 8);
  } else {
    std::memcpy(&window, from + begin, static_cast<size_t>(size - begin));
  }
  window >>= at * bits % 8;
  uint32_t four = 0;
  for (int i = 0; i < 4; ++i) {
    four |= static_cast<uint32_t>(window >> (i * bits) & ((1U << bits) - 1)) << (8 * i);
  }
  return four;
}

using EightCodes = uint8_t __attribute__((vector_size(8)));
using FourPieces = uint32_t __attribute__((vector_size(16)));  // each of four codes

/** Sixteen nibbles in order, above each the one `distance` bytes behind it. */
inline FourPieces sixteen_codes(const uint8_t* from, int64_t distance) {
  EightCodes low;
  EightCodes high;
  std::memcpy(&low, from, sizeof low);
  std::memcpy(&high, from + distance, sizeof high);
  const EightCodes even = (low & 0x0f) | (high << 4);
  const EightCodes odd = (low >> 4) | (high & 0xf0);
  return reinterpret_cast<FourPieces>(
      __builtin_shufflevector(even, odd, 0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15));
}

/** The pieces of a row, 64 bytes apart. */
inline void put_pieces(const std::array<FourPieces, 1>& of, std::byte* to) {
  for (size_t i = 0; i < 4; ++i) {
    const uint32_t piece = of[0][i];
    std::memcpy(to + 64 * i, &piece, sizeof piece);
  }
}

/** The same of four rows, side by side. */
inline void put_pieces(const std::array<FourPieces, 4>& of, std::byte* to) {
  const FourPieces a = __builtin_shufflevector(of[0], of[1], 0, 4, 1, 5);
  const FourPieces b = __builtin_shufflevector(of[0], of[1], 2, 6, 3, 7);
  const FourPieces c = __builtin_shufflevector(of[2], of[3], 0, 4, 1, 5);
  const FourPieces d = __builtin_shufflevector(of[2], of[3], 2, 6, 3, 7);
  const std::array<FourPieces, 4> turned{
      __builtin_shufflevector(a, c, 0, 1, 4, 5), __builtin_shufflevector(a, c, 2, 3, 6, 7),
      __builtin_shufflevector(b, d, 0, 1, 4, 5), __builtin_shufflevector(b, d, 2, 3, 6, 7)};
  for (size_t i = 0; i < turned.size(); ++i) {
    std::memcpy(to + 64 * i, &turned[i], sizeof turned[i]);
  }
}

/** As pack_codes, for `rows` rows of nibbles from `row` on. */
template <int rows>
void pack_nibbles(const QuantizedMatrix& from, int64_t row, int64_t s, int64_t r, std::byte* codes) {
  const int64_t span = std::max<int64_t>(kPart, from.group_size);
  const int64_t half = span == 32 ? 16 : 32;  // columns of half a block
  for (int64_t block = 0; block < span; block += 2 * half) {
    for (int64_t j = 0; j < half; j += 16) {
      std::array<FourPieces, rows> pieces;
      for (int i = 0; i < rows; ++i) {
        pieces[i] = sixteen_codes(from.row(row + i) + (s * span + block + j) / 2, half / 2);
      }
      put_pieces(pieces, codes + (block / 2 + j) * 16 + r * 4);
    }
  }
}

/** Codes of span `s` of a row, the record's `r`-th, four columns at a time. */
template <int bits>
void pack_codes(const QuantizedMatrix& from, int64_t row, int64_t s, int64_t r, std::byte* codes) {
  const int64_t span = std::max<int64_t>(kPart, from.group_size);
  const int64_t size = span * bits / 8;
  const uint8_t* source = from.row(row) + s * size;
  const auto put = [&](int64_t at, uint32_t four) { std::memcpy(codes + at * 64 + r * 4, &four, sizeof four); };
  const auto take = [&](int64_t column) { return four_codes<bits>(source, column, size); };
  if constexpr (bits > 4) {
    for (int64_t j = 0; j < span / 4; ++j) {
      put(j, take(4 * j));
    }
    return;
  }
  const int64_t half = span == 32 ? 16 : 32;  // columns of half a block
  for (int64_t block = 0; block < span; block += 2 * half) {
    for (int64_t j = 0; j < half; j += 4) {
      put((block / 2 + j) / 4, take(block + j) | take(block + half + j) << 4);
    }
  }
}

using PackCodes = void (*)(const QuantizedMatrix&, int64_t, int64_t, int64_t, std::byte*);

PackCodes pack_codes_of(int bits) {
  static constexpr PackCodes kByBits[] = {nullptr,       nullptr,       pack_codes<2>, pack_codes<3>, pack_nibbles<1>,
                                          pack_codes<5>, pack_codes<6>, nullptr,       pack_codes<8>};
  return kByBits[bits];
}

/** Scales and biases of a row, elements of `size` bytes, into the records of its panel. */
template <size_t size>
void put_affine_factors(const QuantizedMatrix& from, const PackedMatrix& w, int64_t row, std::byte* panel) {
  const auto at = static_cast<size_t>(row * w.groups()) * size;
  const auto* const scales = static_cast<const std::byte*>(from.scales) + at;
  const auto* const biases = static_cast<const std::byte*>(from.biases) + at;
  const int64_t r = row % kPanelHeight;
  std::byte* to = panel + r / kLanes * w.record_bytes() + r % kLanes * static_cast<int64_t>(size);
  for (size_t g = 0; g < static_cast<size_t>(w.groups()); ++g, to += 2 * w.record_bytes()) {
    std::memcpy(to, scales + g * size, size);
    std::memcpy(to + w.header_bytes() / 2, biases + g * size, size);
  }
}

/** Scales and biases of a row, or scales that are bytes, into its panel. */
void put_factors(const QuantizedMatrix& from, const PackedMatrix& w, int64_t row, std::byte* panel) {
  if (w.affine()) {
    (from.scale_type == ScaleType::F32 ? put_affine_factors<4> : put_affine_factors<2>)(from, w, row, panel);
    return;
  }
  const auto* const scales = static_cast<const std::byte*>(from.scales) + row * w.groups();
  for (int64_t g = 0; g < w.groups(); ++g) {
    panel[g * kPanelHeight + row % kPanelHeight] = scales[g];
  }
}

/** The sums of a rounded part's halves, which are groups of their own. */
void sum_halves(const int8_t* low, const int8_t* high, float* sums, int64_t step) {
  for (int64_t half = 0; half < 2; ++half) {
    int sum = 0;
    for (int64_t i = half * kPart / 2; i < (half + 1) * kPart / 2; ++i) {
      sum += low[i] + 256 * high[i];
    }
    sums[half * step] = static_cast<float>(sum);
  }
}

/** The step that a row's values become multiples of. */
float step_of(const RowFacts& row, int64_t columns, const Rounding& rounding) {
  const float wanted = rounding.bound * (row.sum / static_cast<float>(columns)) / kLargestLow;
  return std::min(std::max(wanted, row.largest / kLargest), row.largest / kLargestLow);
}

/** Pieces of four columns into a tile of `rows` rows. */
void put_part(const int8_t* codes, int8_t* to, int64_t rows) {
  for (int64_t i = 0; i < kPart / 4; ++i) {
    std::memcpy(to + i * rows * 4, codes + 4 * i, 4);
  }
}

/** Returns where the next part's go. */
Outlier* list_outliers(const RoundedPart& rounded, int64_t part, const int8_t* high, Outlier* to) {
  for (uint32_t left = rounded.wide; left != 0; left &= left - 1) {
    const int i = std::countr_zero(left);
    to->quad = static_cast<uint32_t>(part * (kPart / 4) + i);
    std::memcpy(to->high, high + 4 * i, 4);
    ++to;
  }
  return to;
}

void unpack_row(const PackedMatrix& w, int64_t row, float* out) {
  const std::byte* const panel = w.data + row / kPanelHeight * w.panel_bytes();
  const int64_t r = row % kPanelHeight;
  for (int64_t g = 0; g < w.groups(); ++g) {
    const std::byte* const codes = record_of(w, panel, g, r) + w.header_bytes();
    const PackedFactors factors = factors_of(w, panel, g, r);
    for (int64_t k = g * w.group_size; k < (g + 1) * w.group_size; ++k) {
      const int code = packed_code(w, codes, k % w.span(), r % kLanes);
      out[k] = factors.scale * static_cast<float>(code) + factors.bias;
    }
  }
}

int64_t panel_rows(const PackedMatrix& w, int64_t panel) {
  return std::min(kPanelHeight, w.rows - panel * kPanelHeight);
}

}  // namespace

bool can_pack(int bits, int group_size) {
  return bits >= 2 && bits <= 8 && bits != 7 && (group_size == 32 || group_size == 64 || group_size == 128);
}

bool can_pack_e2m1(int64_t columns) {
  return columns % kPart == 0;
}

PackedMatrix packed_form(const QuantizedMatrix& from) {
  return {nullptr, from.scale_type, from.rows, from.columns, from.group_size, from.bits <= 4 ? 4 : 8};
}

void pack(const QuantizedMatrix& from, int64_t begin, int64_t end, std::byte* to) {
  const PackedMatrix w = packed_form(from);
  const PackCodes put_codes = pack_codes_of(from.bits);
  for (int64_t panel = begin; panel < end; ++panel) {
    std::byte* const at = to + (panel - begin) * w.panel_bytes();
    const int64_t rows = panel_rows(w, panel);
    for (int64_t r = 0; r < rows; ++r) {
      put_factors(from, w, panel * kPanelHeight + r, at);
    }
    for (int64_t r = 0, count = 1; r < rows; r += count) {
      count = from.bits == 4 && rows - r >= 4 ? 4 : 1;
      for (int64_t s = 0; s < w.spans(); ++s) {
        std::byte* const record = at + w.head_bytes() + (2 * s + r / kLanes) * w.record_bytes();
        (count == 4 ? pack_nibbles<4> : put_codes)(from, panel * kPanelHeight + r, s, r % kLanes,
                                                   record + w.header_bytes());
      }
    }
  }
}

void RoundedRows::resize(int64_t rows, int64_t columns, int group_size, const Rounding& rounding) {
  rows_ = rows;
  columns_ = columns;
  group_size_ = group_size;
  rounding_ = rounding;
  parts_ = columns / kPart;
  groups_ = columns / group_size;
  const auto grow = [](auto& buffer, int64_t size) {
    if (buffer.size() < static_cast<size_t>(size)) {
      buffer.resize(static_cast<size_t>(size));
    }
  };
  grow(low_, rows * columns);
  const bool dense = rounding.bound == 0;
  grow(high_, dense ? rows * columns : 0);
  grow(outliers_, dense ? 0 : rows * (columns / 4));
  grow(counts_, rows);
  grow(scales_, rows);
  grow(sums_, rows * groups_);
}

template <typename View, typename Self>
View RoundedRows::view(Self& self, int64_t first) {
  return {.low = self.low_.data() + first * self.columns_,
          .high = self.rounding_.bound == 0 ? self.high_.data() + first * self.columns_ : nullptr,
          .outliers = self.outliers_.data() + first * (self.columns_ / 4),
          .counts = self.counts_.data() + first,
          .scales = self.scales_.data() + first,
          .sums = self.sums_.data() + first * self.groups_,
          .rows = std::min(kTileRows, self.rows_ - first)};
}

TileView RoundedRows::tile(int64_t first) const {
  return view<TileView>(*this, first);
}

void RoundedRows::round_tile(const float* x, int64_t first) {
  const Tile to = view<Tile>(*this, first);
  for (int64_t c = 0; c < to.rows; ++c) {
    round_row(x + (first + c) * columns_, to, c);
  }
}

void RoundedRows::round_row(const float* x, const Tile& to, int64_t c) const {
  const PackedTable& t = table();
  const RowFacts facts = t.measure_row(x, columns_);
  const bool zero = facts.largest < kZero;
  const bool usable = !zero && std::isfinite(facts.largest);
  const float step = step_of(facts, columns_, rounding_);
  to.scales[c] = usable ? step : (zero ? 0.0F : std::numeric_limits<float>::quiet_NaN());
  Outlier* const list = to.outliers + c * (columns_ / 4);
  Outlier* end = list;
  for (int64_t p = 0; p < parts_; ++p) {
    alignas(64) int8_t low[kPart] = {};
    alignas(64) int8_t high[kPart] = {};
    const RoundedPart part = usable ? t.round_part(x + p * kPart, 1.0F / step, low, high) : RoundedPart{};
    float& group_sum = to.sums[p * kPart / group_size_ * to.rows + c];
    if (group_size_ < kPart) {
      sum_halves(low, high, &group_sum, to.rows);
    } else {
      group_sum = (p * kPart % group_size_ == 0 ? 0.0F : group_sum) + static_cast<float>(part.sum);
    }
    const int64_t place = p * kPart * to.rows + 4 * c;
    put_part(low, to.low + place, to.rows);
    if (to.high != nullptr) {
      put_part(high, to.high + place, to.rows);
    } else {
      end = list_outliers(part, p, high, end);
    }
  }
  to.counts[c] = static_cast<int32_t>(end - list);
}

void packed_panels(const PackedMatrix& w, const RoundedRows& x, int64_t begin, int64_t end, const PackedOutput& out) {
  const PackedTable& t = table();
  for (int64_t panel = begin; panel < end; ++panel) {
    const std::byte* const data = w.data + panel * w.panel_bytes();
    for (int64_t m = 0; m < x.rows(); m += kTileRows) {
      float* const y = out.y + m * out.ldy + (panel - begin) * kPanelHeight;
      t.tile(w, data, x.tile(m), {y, out.ldy, out.add}, panel_rows(w, panel));
    }
  }
}

void packed_matmul(const PackedMatrix& w, const float* x, int64_t m, const Rounding& rounding, float* y) {
  if (m <= 0) {
    return;
  }
  thread_local RoundedRows rounded;
  RoundedRows& rows = rounded;  // the lambdas run on other threads, whose own it must not be
  rows.resize(m, w.columns, w.group_size, rounding);
  pool().parallel_for((m + kTileRows - 1) / kTileRows, std::max<int64_t>(1, 4096 / w.columns),
                      [&](int64_t begin, int64_t end) {
                        for (int64_t tile = begin; tile < end; ++tile) {
                          rows.round_tile(x, tile * kTileRows);
                        }
                      });
  pool().parallel_for(
      w.panels(), std::max<int64_t>(1, kGrainBytes / (w.panel_bytes() * m)),
      [&](int64_t begin, int64_t end) { packed_panels(w, rows, begin, end, {y + begin * kPanelHeight, w.rows}); });
}

void dequantize_packed_rows(const PackedMatrix& w, const int32_t* ids, int64_t count, float* out) {
  for (int64_t i = 0; i < count; ++i) {
    const int64_t row = ids[i] < 0 ? ids[i] + w.rows : ids[i];
    if (row >= 0 && row < w.rows) {
      unpack_row(w, row, out + i * w.columns);
    } else {
      std::fill_n(out + i * w.columns, w.columns, std::numeric_limits<float>::quiet_NaN());
    }
  }
}

}  // namespace burin::kernels
