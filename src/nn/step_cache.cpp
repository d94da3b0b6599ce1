#include "nn/step_cache.h"

#include <algorithm>

#include "base/error.h"

namespace burin::nn {
namespace {

/** Tokens [begin, end) of (B, K, S, Dh). */
mx::array tokens(const mx::array& v, int begin, int end) {
  return mx::slice(v, {0, 0, begin, 0}, {v.shape(0), v.shape(1), end, v.shape(3)});
}

/** The oldest of `offset` tokens that a window keeps, with `more` behind it. */
int oldest_after(int offset, int window, int more) {
  return window == 0 ? 0 : std::max(0, offset - window - more);
}

}  // namespace

StepCache::StepCache(const CacheShape& shape, ops::LayerStores stores, int offset)
    : Cache(offset),
      shape_(shape),
      stores_(std::move(stores)),
      newest_(mx::array(0.0F)),
      oldest_(oldest_after(offset, shape.window, 0)) {}

const ops::LayerStores& StepCache::stores(int batch) {
  while (stores_.size() < static_cast<size_t>(batch)) {
    stores_.push_back(std::make_shared<ops::KvStore>(shape_.kv_heads, shape_.head_dim, group_));
  }
  return stores_;
}

void StepCache::append(int count, const mx::array& result) {
  offset_ += count;
  newest_ = result;
  oldest_ = std::max(oldest_, oldest_after(offset_, shape_.window, ops::kKeptBehindWindow));
}

bool StepCache::is_trimmable(int count, int more) const {
  const int end = offset_ + more;
  const int oldest = std::max(oldest_, oldest_after(end, shape_.window, ops::kKeptBehindWindow));
  return count <= end && (oldest == 0 || end - count - shape_.window >= oldest);
}

void StepCache::quantize(int group_size) {
  if (group_ == group_size) {
    return;
  }
  group_ = group_size;
  const CacheState rows = state();
  stores_.clear();
  if (offset_ > 0) {
    stores_ = ops::store_rows(rows.arrays.at("0"), rows.arrays.at("1"), 0, group_);
  }
}

mx::array StepCache::attend(const mx::array& /*q*/, const mx::array& /*keys*/, const mx::array& /*values*/,
                            const AttendParams& /*params*/, const ops::Mask& /*mask*/) {
  throw Error(ErrorCode::Internal, "cache", "a cache of decoder steps was given to a layer of its own");
}

void StepCache::collect_pending(std::vector<mx::array>& arrays) const {
  if (newest_) {
    arrays.push_back(*newest_);
  }
}

CacheState StepCache::state() const {
  const int window = shape_.window;
  const int held = window == 0 ? offset_ : std::min(offset_, window);
  CacheState state{.class_name = "KVCache", .arrays = {}, .scalars = {{"2", offset_}}};
  if (window > 0) {
    state = {.class_name = "RotatingKVCache",
             .arrays = {},
             .scalars = {{"2", offset_}, {"3", 0}, {"4", window}, {"5", held}}};
  }
  if (newest_ && offset_ > 0) {
    const ops::TokenRange range{offset_ - held, offset_};
    state.arrays = {{"0", ops::stored_rows(stores_, range, false, *newest_)},
                    {"1", ops::stored_rows(stores_, range, true, *newest_)}};
    mx::eval(state.arrays.at("0"), state.arrays.at("1"));  // the next step may give back what they read
  }
  return state;
}

uint64_t StepCache::nbytes() const {
  const int64_t per_token = stores_.empty() ? 0 : stores_.front()->token_bytes();
  const int held = shape_.window == 0 ? offset_ : std::min(offset_, shape_.window);
  return static_cast<uint64_t>(per_token * held) * stores_.size();
}

std::unique_ptr<StepCache> make_step_cache(const Cache& cache, const CacheShape& shape) {
  std::optional<KeysAndValues> rows;
  if (const auto* const whole = dynamic_cast<const KVCache*>(&cache); whole != nullptr && shape.window == 0) {
    rows = whole->newest();
  } else if (const auto* const window = dynamic_cast<const RotatingKVCache*>(&cache);
             window != nullptr && window->is_window_of(shape.window)) {
    rows = window->newest();
  } else {
    return nullptr;
  }
  if (!rows) {
    return std::make_unique<StepCache>(shape);
  }
  const int length = rows->first.shape(2);
  const int held = std::min({length, cache.offset(), shape.window == 0 ? length : shape.window});
  return std::make_unique<StepCache>(
      shape,
      ops::store_rows(tokens(rows->first, length - held, length), tokens(rows->second, length - held, length),
                      cache.offset() - held),
      cache.offset());
}

}  // namespace burin::nn
