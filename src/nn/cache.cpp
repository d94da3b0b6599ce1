#include "nn/cache.h"

#include <algorithm>

namespace burin::nn {
namespace {

/** Tokens [begin, end) of (B, K, S, Dh). */
mx::array tokens(const mx::array& v, int begin, int end) {
  return mx::slice(v, {0, 0, begin, 0}, {v.shape(0), v.shape(1), end, v.shape(3)});
}

mx::array assign(const mx::array& buffer, const mx::array& update, int begin) {
  return mx::slice_update(buffer, update, mx::Shape{0, 0, begin, 0},
                          mx::Shape{buffer.shape(0), buffer.shape(1), begin + update.shape(2), buffer.shape(3)});
}

mx::array empty_tokens(const mx::array& like, int count) {
  return mx::zeros({like.shape(0), like.shape(1), count, like.shape(3)}, like.dtype());
}

mx::array append(const std::optional<mx::array>& buffer, const mx::array& more) {
  return buffer ? mx::concatenate({*buffer, more}, 2) : more;
}

/** Query i of N at position offset+i sees key j iff j <= position < j + window. Shapes: (N, offset + N) bool. */
mx::array windowed_causal_mask(int count, int offset, int window) {
  const mx::array keys = mx::reshape(mx::arange(0, offset + count, 1, mx::int32), {1, -1});
  const mx::array queries = mx::reshape(mx::arange(offset, offset + count, 1, mx::int32), {-1, 1});
  return mx::logical_and(mx::greater_equal(queries, keys),
                         mx::less(queries, mx::add(keys, mx::array(window, mx::int32))));
}

CacheState state_of(std::string_view class_name, const std::optional<mx::array>& keys,
                    const std::optional<mx::array>& values, std::map<std::string, int> scalars) {
  CacheState state{.class_name = std::string(class_name), .arrays = {}, .scalars = std::move(scalars)};
  if (keys) {
    state.arrays = {{"0", *keys}, {"1", *values}};
  }
  return state;
}

}  // namespace

void Cache::collect_pending(std::vector<mx::array>& arrays) const {
  for (const auto& [path, array] : state().arrays) {
    arrays.push_back(array);
  }
}

uint64_t Cache::nbytes() const {
  uint64_t bytes = 0;
  for (const auto& [path, array] : state().arrays) {
    bytes += array.nbytes();
  }
  return bytes;
}

bool trim(CacheList& caches, int count) {
  if (count == 0) {
    return true;
  }
  if (!std::ranges::all_of(caches, [count](const auto& cache) { return cache->is_trimmable(count); })) {
    return false;
  }
  for (const auto& cache : caches) {
    cache->trim(count);
  }
  return true;
}

mx::array FloatCache::attend(const mx::array& q, const mx::array& keys, const mx::array& values,
                             const AttendParams& params, const ops::Mask& mask) {
  const auto [k, v] = update_and_fetch(keys, values);
  return params.softcap == 0.0F ? ops::attention(q, k, v, params.scale, mask)
                                : ops::softcap_attention(q, k, v, params.scale, params.softcap, mask);
}

KeysAndValues KVCache::update_and_fetch(const mx::array& keys, const mx::array& values) {
  const int count = keys.shape(2);
  if (!keys_ || offset_ + count > keys_->shape(2)) {
    const int grow = (count + kStep - 1) / kStep * kStep;
    if (keys_ && offset_ % kStep != 0) {
      keys_ = tokens(*keys_, 0, offset_);
      values_ = tokens(*values_, 0, offset_);
    }
    keys_ = append(keys_, empty_tokens(keys, grow));
    values_ = append(values_, empty_tokens(values, grow));
  }
  keys_ = assign(*keys_, keys, offset_);
  values_ = assign(*values_, values, offset_);
  offset_ += count;
  return {tokens(*keys_, 0, offset_), tokens(*values_, 0, offset_)};
}

ops::Mask Cache::make_mask(int new_tokens, int window) const {
  if (window > 0) {
    return ops::Mask::of(windowed_causal_mask(new_tokens, offset_, window));
  }
  return new_tokens == 1 ? ops::Mask::none() : ops::Mask::causal();
}

int Cache::trim(int count) {
  const int n = std::min(offset_, count);
  offset_ -= n;
  return n;
}

CacheState KVCache::state() const {
  return state_of("KVCache", keys_, values_, {{"2", offset_}});
}

std::optional<KeysAndValues> KVCache::newest() const {
  return offset_ == 0 ? std::nullopt
                      : std::optional(KeysAndValues{tokens(*keys_, 0, offset_), tokens(*values_, 0, offset_)});
}

std::optional<KeysAndValues> RotatingKVCache::newest() const {
  return offset_ == 0 ? std::nullopt : std::optional(KeysAndValues{temporal_order(*keys_), temporal_order(*values_)});
}

mx::array RotatingKVCache::trimmed(const mx::array& v, int trim_size, const mx::array* more) const {
  std::vector<mx::array> parts;
  if (trim_size > 0) {
    parts = {tokens(v, 0, keep_), tokens(v, trim_size + keep_, v.shape(2))};
  } else {
    parts = {v};
  }
  if (more != nullptr) {
    parts.push_back(*more);
  }
  return mx::concatenate(parts, 2);
}

mx::array RotatingKVCache::temporal_order(const mx::array& v) const {
  if (idx_ == v.shape(2)) {
    return v;
  }
  if (idx_ < offset_) {
    return mx::concatenate({tokens(v, 0, keep_), tokens(v, idx_, v.shape(2)), tokens(v, keep_, idx_)}, 2);
  }
  return tokens(v, 0, idx_);
}

KeysAndValues RotatingKVCache::update_concat(const mx::array& keys, const mx::array& values) {
  if (!keys_) {
    keys_ = keys;
    values_ = values;
  } else {
    keys_ = temporal_order(*keys_);
    values_ = temporal_order(*values_);
    // At most max_size - 1 old tokens stay, so that every new one sees max_size of them.
    const int trim_size = keys_->shape(2) - max_size_ + 1;
    keys_ = trimmed(*keys_, trim_size, &keys);
    values_ = trimmed(*values_, trim_size, &values);
  }
  offset_ += keys.shape(2);
  idx_ = keys_->shape(2);
  return {*keys_, *values_};
}

KeysAndValues RotatingKVCache::update_in_place(const mx::array& keys, const mx::array& values) {
  if (!keys_ || (offset_ >= keys_->shape(2) && keys_->shape(2) < max_size_)) {
    const int grow = std::min(KVCache::kStep, max_size_ - offset_);
    keys_ = append(keys_, empty_tokens(keys, grow));
    values_ = append(values_, empty_tokens(values, grow));
    idx_ = offset_;
  }
  if (const int trim_size = keys_->shape(2) - max_size_; trim_size > 0) {
    keys_ = trimmed(*keys_, trim_size, nullptr);
    values_ = trimmed(*values_, trim_size, nullptr);
    idx_ = max_size_;
  }
  if (idx_ == max_size_) {
    idx_ = keep_;
  }
  keys_ = assign(*keys_, keys, idx_);
  values_ = assign(*values_, values, idx_);
  offset_ += 1;
  idx_ += 1;
  if (offset_ < keys_->shape(2)) {
    return {tokens(*keys_, 0, offset_), tokens(*values_, 0, offset_)};
  }
  return {*keys_, *values_};
}

KeysAndValues RotatingKVCache::update_and_fetch(const mx::array& keys, const mx::array& values) {
  return keys.shape(2) == 1 ? update_in_place(keys, values) : update_concat(keys, values);
}

ops::Mask RotatingKVCache::make_mask(int new_tokens, int window) const {
  if (new_tokens > 1) {
    const int width = window > 0 ? window : max_size_;
    const int offset = std::min(max_size_ - 1, offset_);
    return offset + new_tokens > width ? ops::Mask::of(windowed_causal_mask(new_tokens, offset, width))
                                       : ops::Mask::causal();
  }
  if (window == 0 || offset_ < window || max_size_ <= window) {
    return ops::Mask::none();
  }
  const int next = idx_ >= max_size_ ? 0 : idx_;
  const int size = offset_ < max_size_ ? offset_ + 1 : max_size_;
  const mx::array newest = mx::greater_equal(mx::arange(0, size, 1, mx::int32), mx::array(size - window, mx::int32));
  return ops::Mask::of(mx::roll(newest, next + 1));
}

int RotatingKVCache::trim(int count) {
  const int n = Cache::trim(count);
  idx_ -= n;
  return n;
}

CacheState RotatingKVCache::state() const {
  return state_of("RotatingKVCache", keys_, values_, {{"2", offset_}, {"3", keep_}, {"4", max_size_}, {"5", idx_}});
}

}  // namespace burin::nn
