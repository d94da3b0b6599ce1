// y = x W^T for affine weights, and for those of 4-bit floats (mxfp4, nvfp4), in panels of 32 rows, laid out for one
// sequential pass over memory, and int8 activations. Affine codes lie in 4 or 8 bits each: those of 2 and 3 bits in 4,
// those of 5 and 6 in 8. A float code is turned into a whole number of half units on the way. Activations are
// rounded by 32; where a part is large beside the rest of its row, a second int8 term takes what the first left. A
// row's result does not depend on the rows beside it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/qmatmul.h"

namespace burin::kernels {

constexpr int kPackedLayout = 1;      // to be raised when the order of bytes changes
constexpr int64_t kPanelHeight = 32;  // rows of W in a panel
constexpr int64_t kLanes = 16;        // of them in a record
constexpr int64_t kTileRows = 8;      // rows of x that share a pass over a panel; a bit each in the flags
constexpr int64_t kPart = 32;         // activations that share a scale
constexpr float kSecondSteps = 254;   // of the second term in one of the first: half of them on each side

/** One panel after another; within a panel two records a span of columns, for the first 16 rows and the others. Affine:
 * a span is a group, a record 16 scales, 16 biases, then the codes of the 16 rows, four columns of every row in turn.
 * At 4 bits low halves hold the first columns of a block of 64 (32), high halves the rest. Scales of one byte: codes
 * are E2M1, spans 32 columns (one or two groups), records codes alone, and a panel begins with its scales, 32 a group.
 */
struct PackedMatrix {
  const std::byte* data = nullptr;
  ScaleType scale_type = ScaleType::F32;
  int64_t rows = 0;
  int64_t columns = 0;
  int group_size = 0;
  int bits = 0;  // of a code as it lies here: 4 or 8

  bool affine() const { return scale_type != ScaleType::E8M0 && scale_type != ScaleType::E4M3; }
  int64_t panels() const { return (rows + kPanelHeight - 1) / kPanelHeight; }
  int64_t groups() const { return columns / group_size; }
  int64_t span() const { return group_size < kPart ? kPart : group_size; }
  int64_t spans() const { return columns / span(); }
  /** What a panel begins with, in whole cache lines. */
  int64_t head_bytes() const { return affine() ? 0 : (groups() * kPanelHeight + 63) / 64 * 64; }
  int64_t header_bytes() const { return affine() ? 2 * kLanes * (scale_type == ScaleType::F32 ? 4 : 2) : 0; }
  int64_t record_bytes() const { return header_bytes() + kLanes * span() * bits / 8; }
  int64_t panel_bytes() const { return head_bytes() + spans() * 2 * record_bytes(); }
  int64_t nbytes() const { return panels() * panel_bytes(); }
};

/** Whether affine weights of this kind have a packed form. */
bool can_pack(int bits, int group_size);

/** Whether E2M1 codes in groups of 16 or 32 have one. */
bool can_pack_e2m1(int64_t columns);

/** The packed form of a matrix, without data. Scales of one byte: its codes are E2M1, and it has no biases. */
PackedMatrix packed_form(const QuantizedMatrix& from);

/** Panels [begin, end) of `from` into `to`, which holds them alone. Rows beyond the last stay as they are. */
void pack(const QuantizedMatrix& from, int64_t begin, int64_t end, std::byte* to);

/** How activations are rounded: a part whose largest magnitude exceeds `second_from` times the root mean square of the
 * row gets a second term. 0: all parts. What comes from a normal distribution rarely does, what has outliers does: on
 * the starter 3.5 brings the mean KL from 3.5e-3 below 5e-4 nats. */
struct Rounding {
  float second_from = 3.5F;
};

/** One tile of rounded rows. */
template <typename Int8, typename Float, typename Byte, typename Part>
struct BasicTile {
  Int8* first;    // (columns / 4, rows, 4)
  Int8* second;   // the same; zero where a part has no second term
  Float* scales;  // (parts, rows)
  Float* sums;    // (groups, rows): sums of the rounded values
  Byte* flags;    // (parts): bit c where row c has a second term
  Part* listed;   // (rows, parts): those of each row that have one, in their order
  Part* counts;   // (rows): how many
  int64_t rows;
};
using TileView = BasicTile<const int8_t, const float, const uint8_t, const int32_t>;

/** Rounded rows of x, in tiles of kTileRows (the last may be smaller) with their four-column pieces side by side. */
class RoundedRows {
 public:
  /** Makes room; what was there is gone. `group_size` is the weight's. */
  void resize(int64_t rows, int64_t columns, int group_size);
  /** Rounds all rows of the tile that begins at row `first`. Shapes: x (rows, columns), the first row of all. A row
   * with NaN or infinity gives NaN. */
  void round_tile(const float* x, int64_t first, const Rounding& rounding);

  int64_t rows() const { return rows_; }
  /** The tile that begins at row `first`. */
  TileView tile(int64_t first) const;

 private:
  using Tile = BasicTile<int8_t, float, uint8_t, int32_t>;
  template <typename View, typename Self>
  static View view(Self& self, int64_t first);
  void round_row(const float* x, const Tile& to, int64_t c, const Rounding& rounding);

  int64_t rows_ = 0, columns_ = 0, parts_ = 0, groups_ = 0;
  int group_size_ = 32;
  std::vector<int8_t> first_, second_;
  std::vector<float> scales_, sums_;
  std::vector<uint8_t> flags_;
  std::vector<int32_t> listed_, counts_;
};

/** Where a product goes: row m of x to y + m * ldy, added to what is there where `add`. */
struct PackedOutput {
  float* y;
  int64_t ldy;
  bool add = false;
};

/** Panels [begin, end) of W against all of x; the first of their rows goes to out.y. On the caller's thread. */
void packed_panels(const PackedMatrix& w, const RoundedRows& x, int64_t begin, int64_t end, const PackedOutput& out);

/** Shapes: x (m, columns) -> y (m, rows). On all threads. */
void packed_matmul(const PackedMatrix& w, const float* x, int64_t m, const Rounding& rounding, float* y);

/** dy W, which is the gradient for x of a product without its rounding. Shapes: dy (m, rows) -> dx (m, columns). In
 * float32, on all threads. */
void packed_matmul_transposed(const PackedMatrix& w, const float* dy, int64_t m, float* dx);

/** As dequantize_rows. */
void dequantize_packed_rows(const PackedMatrix& w, const int32_t* ids, int64_t count, float* out);

}  // namespace burin::kernels
