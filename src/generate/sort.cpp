#include "generate/sort.h"

#include <mlx/backend/cpu/encoder.h>
#include <mlx/primitives.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <utility>
#include <vector>

namespace burin::generate {
namespace {

constexpr int kBits = 11;
constexpr uint32_t kBuckets = 1U << kBits;
constexpr uint32_t kSign = 0x80000000U;

/** Unsigned order of the result is the order of the floats. */
uint32_t to_key(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  return (bits & kSign) != 0 ? ~bits : bits | kSign;
}

float to_value(uint32_t key) {
  return std::bit_cast<float>((key & kSign) != 0 ? key & ~kSign : ~key);
}

void sort_by_digit(const std::vector<uint32_t>& from, std::vector<uint32_t>& to, int shift) {
  std::array<uint32_t, kBuckets> next{};
  for (const uint32_t key : from) {
    ++next[(key >> shift) & (kBuckets - 1)];
  }
  uint32_t start = 0;
  for (uint32_t& bucket : next) {
    start += std::exchange(bucket, start);
  }
  for (const uint32_t key : from) {
    to[next[(key >> shift) & (kBuckets - 1)]++] = key;
  }
}

/** Lazy like every MLX operation, so that a step can be queued while the one before it is still read. */
class RadixSort : public mx::UnaryPrimitive {
 public:
  using UnaryPrimitive::UnaryPrimitive;

  void eval_cpu(const std::vector<mx::array>& inputs, mx::array& out) override {
    out.set_data(mx::allocator::malloc(out.nbytes()));
    auto& encoder = mx::cpu::get_command_encoder(stream());
    encoder.set_input_array(inputs[0]);
    encoder.set_output_array(out);
    encoder.dispatch([x = inputs[0].data<float>(), y = out.data<float>(), size = out.size(),
                      width = static_cast<size_t>(out.shape(-1))] {
      std::copy_n(x, size, y);
      for (size_t row = 0; row < size; row += width) {
        radix_sort({y + row, width});
      }
    });
  }

  void eval_gpu(const std::vector<mx::array>&, mx::array&) override {
    throw std::runtime_error("[RadixSort] is for the CPU");
  }

  const char* name() const override { return "RadixSort"; }
};

}  // namespace

void radix_sort(std::span<float> values) {
  std::vector<uint32_t> keys(values.size());
  std::vector<uint32_t> other(values.size());
  for (size_t i = 0; i < values.size(); ++i) {
    keys[i] = to_key(values[i]);
  }
  for (int shift = 0; shift < 32; shift += kBits) {
    sort_by_digit(keys, other, shift);
    keys.swap(other);
  }
  for (size_t i = 0; i < values.size(); ++i) {
    values[i] = to_value(keys[i]);
  }
}

mx::array sorted_rows(const mx::array& x) {
  const mx::Stream stream = mx::default_stream(mx::default_device());
  if (x.dtype() != mx::float32 || stream.device != mx::Device::cpu || x.ndim() == 0) {
    return mx::sort(x, -1);
  }
  return mx::array(x.shape(), mx::float32, std::make_shared<RadixSort>(stream), {mx::contiguous(x)});
}

}  // namespace burin::generate
