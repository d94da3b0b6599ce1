// From the state of a saved cache to a cache that fits the layer: the file is untrusted.
#include <fmt/core.h>

#include "base/error.h"
#include "nn/quantized_cache.h"

namespace burin::nn {
namespace {

/** The members of one layer's state, checked as they are taken. */
class Saved {
 public:
  Saved(const CacheState& state, const CacheShape& shape) : state_(state), shape_(shape) {}

  /** (1, K, S, ..): S is the same for all arrays of the layer. */
  mx::array rows(const std::string& path, int width, bool floating) {
    const auto it = state_.arrays.find(path);
    if (it == state_.arrays.end()) {
      refuse(fmt::format("{} is missing", path));
    }
    const mx::array& a = it->second;
    const bool sized = a.ndim() == 4 && a.shape(0) == 1 && a.shape(1) == shape_.kv_heads && a.shape(3) == width &&
                       a.shape(2) > 0 && (length_ == 0 || a.shape(2) == length_);
    const bool typed = floating ? mx::issubdtype(a.dtype(), mx::floating) : a.dtype() == mx::uint32;
    if (!sized || !typed) {
      refuse(fmt::format("{} has another shape or type than the model's layer", path));
    }
    length_ = a.shape(2);
    return floating && mx::default_device() == mx::Device::cpu ? mx::astype(a, mx::float32) : a;
  }

  int number(const std::string& path, int low, int high) const {
    const auto it = state_.scalars.find(path);
    if (it == state_.scalars.end() || it->second < low || it->second > high) {
      refuse(fmt::format("{} is missing or out of range", path));
    }
    return it->second;
  }

  ops::QuantizedWeight quantized(const std::string& path, int group_size, int bits) {
    const int groups = shape_.head_dim / group_size;
    return {.weight = rows(path + ".0", shape_.head_dim * bits / 32, false),
            .scales = rows(path + ".1", groups, true),
            .biases = rows(path + ".2", groups, true),
            .group_size = group_size,
            .bits = bits};
  }

  int length() const { return length_; }

  [[noreturn]] void refuse(const std::string& why) const {
    throw Error(ErrorCode::Corrupt, "prompt cache", fmt::format("{}: {}", state_.class_name, why));
  }

 private:
  const CacheState& state_;
  const CacheShape& shape_;
  int length_ = 0;
};

std::unique_ptr<Cache> make_whole(Saved& saved, const CacheShape& shape) {
  mx::array keys = saved.rows("0", shape.head_dim, true);
  mx::array values = saved.rows("1", shape.head_dim, true);
  return std::make_unique<KVCache>(std::move(keys), std::move(values), saved.number("2", 1, saved.length()));
}

std::unique_ptr<Cache> make_rotating(Saved& saved, const CacheShape& shape) {
  mx::array keys = saved.rows("0", shape.head_dim, true);
  mx::array values = saved.rows("1", shape.head_dim, true);
  constexpr int kMost = 1 << 30;
  const int max_size = saved.number("4", 1, kMost);
  if (shape.window != 0 && max_size != shape.window) {
    saved.refuse(fmt::format("its window is {}, the model's {}", max_size, shape.window));
  }
  const RotatingKVCache::Place place{.offset = saved.number("2", 1, kMost),
                                     .idx = saved.number("5", 1, saved.length())};
  const bool whole = place.offset <= saved.length() ? place.idx <= place.offset : saved.length() >= max_size;
  if (!whole) {
    saved.refuse("its counters do not fit its tokens");
  }
  return std::make_unique<RotatingKVCache>(std::move(keys), std::move(values), place, max_size,
                                           saved.number("3", 0, max_size - 1));
}

std::unique_ptr<Cache> make_quantized(Saved& saved, const CacheShape& shape) {
  const KVQuantization quantization{
      .bits = saved.number("4", 2, 8), .group_size = saved.number("3", 32, 128), .start = 0};
  try {
    check(quantization, {shape});
  } catch (const Error& error) {
    saved.refuse(error.message());
  }
  ops::QuantizedWeight keys = saved.quantized("0", quantization.group_size, quantization.bits);
  ops::QuantizedWeight values = saved.quantized("1", quantization.group_size, quantization.bits);
  return std::make_unique<QuantizedKVCache>(std::move(keys), std::move(values), saved.number("2", 1, saved.length()));
}

}  // namespace

std::unique_ptr<Cache> make_cache(const CacheState& state, const CacheShape& shape) {
  Saved saved(state, shape);
  if (state.class_name == "RotatingKVCache" && !shape.in_order) {
    return make_rotating(saved, shape);
  }
  if (shape.window == 0 && state.class_name == "KVCache") {
    return make_whole(saved, shape);
  }
  if (shape.window == 0 && state.class_name == "QuantizedKVCache") {
    return make_quantized(saved, shape);
  }
  saved.refuse("the model's layer has no cache of this kind");
}

}  // namespace burin::nn
