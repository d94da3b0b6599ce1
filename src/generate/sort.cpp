#include "generate/sort.h"

#include <array>
#include <bit>
#include <cstdint>
#include <utility>
#include <vector>

namespace burin::generate {
namespace {

namespace mx = mlx::core;

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
  if (x.dtype() != mx::float32 || mx::default_device() != mx::Device::cpu) {
    return mx::sort(x, -1);
  }
  mx::array held = mx::contiguous(x);
  mx::eval(held);
  std::vector<float> values(held.data<float>(), held.data<float>() + held.size());
  const auto width = static_cast<size_t>(x.shape(-1));
  for (size_t row = 0; row < values.size(); row += width) {
    radix_sort(std::span(values).subspan(row, width));
  }
  return mx::array(values.data(), x.shape());
}

}  // namespace burin::generate
