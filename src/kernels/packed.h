// y = x W^T for affine weights, and for those of 4-bit floats (mxfp4, nvfp4), in panels of 32 rows, laid out for one
// sequential pass over memory, and int8 activations. Affine codes lie in 4 or 8 bits each: those of 2 and 3 bits in 4,
// those of 5 and 6 in 8. A float code is turned into a whole number of half units on the way. The activations of a row
// are rounded to multiples of one step. The low bytes of these numbers go through all of W, the high ones, which only
// outliers have, through the four columns that they are in. A row's result does not depend on the rows beside it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/qmatmul.h"

namespace burin::kernels {

constexpr int kPackedLayout = 1;      // to be raised when the order of bytes changes
constexpr int64_t kPanelHeight = 32;  // rows of W in a panel
constexpr int64_t kLanes = 16;        // of them in a record
constexpr int64_t kTileRows = 8;      // rows of x that share a pass over a panel
constexpr int64_t kPart = 32;         // columns that are rounded at once

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

/** How activations are rounded: 127 steps are `bound` times the mean of a row's magnitudes. A smaller bound means a
 * finer step and more outliers. 0: the finest step that 16 bits allow, and high bytes everywhere. In a normal
 * distribution 1% of all fours of columns have an outlier at 3.75, on the starter 10%; the mean KL there is 4e-4 nats.
 */
struct Rounding {
  float bound = 3.75F;
};

/** High bytes of four columns of a row, one at least not zero. */
struct Outlier {
  uint32_t quad;  // columns 4 quad .. 4 quad + 3
  int8_t high[4];
};

/** One tile of rounded rows. */
template <typename Int8, typename Listed, typename Int32, typename Float>
struct BasicTile {
  Int8* low;         // (columns / 4, rows, 4)
  Int8* high;        // the same; null where outliers have them
  Listed* outliers;  // (rows, columns / 4): those of each row, in their order
  Int32* counts;     // (rows): how many
  Float* scales;     // (rows): steps
  Float* sums;       // (groups, rows): sums of the rounded values
  int64_t rows;
};
using TileView = BasicTile<const int8_t, const Outlier, const int32_t, const float>;

/** Rounded rows of x, in tiles of kTileRows (the last may be smaller) with their four-column pieces side by side. */
class RoundedRows {
 public:
  /** Makes room; what was there is gone. `group_size` is the weight's. */
  void resize(int64_t rows, int64_t columns, int group_size, const Rounding& rounding = {});
  /** Rounds all rows of the tile that begins at row `first`. Shapes: x (rows, columns), the first row of all. A row
   * with NaN or infinity gives NaN. */
  void round_tile(const float* x, int64_t first);

  int64_t rows() const { return rows_; }
  /** The tile that begins at row `first`. */
  TileView tile(int64_t first) const;

 private:
  using Tile = BasicTile<int8_t, Outlier, int32_t, float>;
  template <typename View, typename Self>
  static View view(Self& self, int64_t first);
  void round_row(const float* x, const Tile& to, int64_t c) const;

  int64_t rows_ = 0, columns_ = 0, parts_ = 0, groups_ = 0;
  int group_size_ = 32;
  Rounding rounding_;
  std::vector<int8_t> low_, high_;
  std::vector<float> scales_, sums_;
  std::vector<Outlier> outliers_;
  std::vector<int32_t> counts_;
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
