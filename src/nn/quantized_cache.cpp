#include "nn/quantized_cache.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>

#include "base/error.h"
#include "nn/step_cache.h"

namespace burin::nn {
namespace {

mx::array tokens(const mx::array& v, int end) {
  return mx::slice(v, {0, 0, 0, 0}, {v.shape(0), v.shape(1), end, v.shape(3)});
}

/** `change` of codes, scales and biases. */
template <class Change>
ops::QuantizedWeight each(const ops::QuantizedWeight& w, Change change) {
  return {.weight = change(w.weight),
          .scales = change(w.scales),
          .biases = change(*w.biases),
          .group_size = w.group_size,
          .bits = w.bits};
}

ops::QuantizedWeight quantized(const mx::array& rows, int group_size, int bits) {
  const auto parts = mx::quantize(rows, group_size, bits);
  return {.weight = parts[0], .scales = parts[1], .biases = parts[2], .group_size = group_size, .bits = bits};
}

/** Rows up to `used`, then `rows`; room for `KVCache::kStep` more where they do not fit. */
ops::QuantizedWeight written(const ops::QuantizedWeight& buffer, const mx::array& rows, int used) {
  const int count = rows.shape(2);
  const ops::QuantizedWeight more = quantized(rows, buffer.group_size, buffer.bits);
  const auto put = [&](const mx::array& old, const mx::array& fresh) {
    mx::array room = old;
    if (used + count > old.shape(2)) {
      const int grow = (count + KVCache::kStep - 1) / KVCache::kStep * KVCache::kStep;
      const mx::array empty = mx::zeros({old.shape(0), old.shape(1), grow, old.shape(3)}, old.dtype());
      room = mx::concatenate({tokens(old, used), empty}, 2);
    }
    return mx::slice_update(room, mx::astype(fresh, old.dtype()), mx::Shape{0, 0, used, 0},
                            mx::Shape{room.shape(0), room.shape(1), used + count, room.shape(3)});
  };
  return {.weight = put(buffer.weight, more.weight),
          .scales = put(buffer.scales, more.scales),
          .biases = put(*buffer.biases, *more.biases),
          .group_size = buffer.group_size,
          .bits = buffer.bits};
}

[[noreturn]] void refuse(std::string_view param, const std::string& message) {
  throw Error(ErrorCode::InvalidArgument, "cache", message).fact("param", std::string(param));
}

}  // namespace

void check(const KVQuantization& quantization, const std::vector<CacheShape>& shapes) {
  const std::array bits{2, 3, 4, 5, 6, 8};
  const std::array group_sizes{32, 64, 128};
  if (std::ranges::find(bits, quantization.bits) == bits.end()) {
    refuse("kv_bits", fmt::format("kv_bits must be 2, 3, 4, 5, 6 or 8, but is {}", quantization.bits));
  }
  if (std::ranges::find(group_sizes, quantization.group_size) == group_sizes.end()) {
    refuse("kv_group_size", fmt::format("kv_group_size must be 32, 64 or 128, but is {}", quantization.group_size));
  }
  if (quantization.start < 0) {
    refuse("quantized_kv_start", fmt::format("quantized_kv_start must not be negative, but is {}", quantization.start));
  }
  for (const CacheShape& shape : shapes) {
    if (shape.window == 0 && shape.head_dim % quantization.group_size != 0) {
      refuse("kv_group_size", fmt::format("groups of {} do not divide this model's heads of {}",
                                          quantization.group_size, shape.head_dim));
    }
  }
}

CacheList make_caches(const CacheOptions& options, const std::vector<CacheShape>& shapes) {
  constexpr int kKeep = 4;
  if (options.max_kv_size != 0 && options.max_kv_size <= kKeep) {
    refuse("max_kv_size", fmt::format("max_kv_size must be 0 or more than {}, but is {}", kKeep, options.max_kv_size));
  }
  if (options.quantization && options.max_kv_size != 0) {
    refuse("kv_bits", "a cache of limited size cannot be quantized: give kv_bits or max_kv_size, not both");
  }
  const bool in_order = std::ranges::any_of(shapes, &CacheShape::in_order);
  if (in_order && options.max_kv_size != 0) {
    throw Error(ErrorCode::Unsupported, "cache", "this model's sparse attention needs every token: max_kv_size")
        .hint("leave max_kv_size out; kv_bits makes the cache smaller")
        .fact("param", "max_kv_size");
  }
  if (options.quantization) {
    check(*options.quantization, shapes);
  }
  CacheList caches;
  for (const CacheShape& shape : shapes) {
    if (shape.window > 0) {
      caches.push_back(std::make_unique<RotatingKVCache>(shape.window));
    } else if (options.max_kv_size > 0) {
      caches.push_back(std::make_unique<RotatingKVCache>(options.max_kv_size, kKeep));
    } else {
      caches.push_back(std::make_unique<KVCache>());
    }
  }
  return caches;
}

void quantize_caches(CacheList& caches, const KVQuantization& quantization) {
  for (auto& cache : caches) {
    auto* const step = dynamic_cast<StepCache*>(cache.get());
    const bool whole = step != nullptr || dynamic_cast<const KVCache*>(cache.get()) != nullptr;
    if (!whole || cache->offset() < quantization.start || cache->offset() == 0) {
      continue;
    }
    const bool window = step != nullptr && step->window() > 0;
    if (step != nullptr && quantization.bits == 8) {
      if (!window) {
        step->quantize(quantization.group_size);
      }
      continue;
    }
    const CacheState state = cache->state();
    const mx::array& keys = state.arrays.at("0");
    const mx::array& values = state.arrays.at("1");
    if (window) {
      const RotatingKVCache::Place place{.offset = cache->offset(), .idx = keys.shape(2)};
      cache = std::make_unique<RotatingKVCache>(keys, values, place, step->window(), 0);
      continue;
    }
    cache = std::make_unique<QuantizedKVCache>(quantized(keys, quantization.group_size, quantization.bits),
                                               quantized(values, quantization.group_size, quantization.bits),
                                               cache->offset());
  }
}

QuantizedKVCache::QuantizedKVCache(ops::QuantizedWeight keys, ops::QuantizedWeight values, int offset)
    : Cache(offset), keys_(std::move(keys)), values_(std::move(values)) {}

mx::array QuantizedKVCache::attend(const mx::array& q, const mx::array& keys, const mx::array& values,
                                   const AttendParams& params, const ops::Mask& mask) {
  keys_ = written(keys_, keys, offset_);
  values_ = written(values_, values, offset_);
  offset_ += keys.shape(2);
  const auto used = [this](const mx::array& buffer) { return tokens(buffer, offset_); };
  return ops::quantized_attention(q, each(keys_, used), each(values_, used), params.scale, params.softcap, mask);
}

CacheState QuantizedKVCache::state() const {
  return {.class_name = "QuantizedKVCache",
          .arrays = {{"0.0", keys_.weight},
                     {"0.1", keys_.scales},
                     {"0.2", *keys_.biases},
                     {"1.0", values_.weight},
                     {"1.1", values_.scales},
                     {"1.2", *values_.biases}},
          .scalars = {{"2", offset_}, {"3", keys_.group_size}, {"4", keys_.bits}}};
}

}  // namespace burin::nn
