#include "nn/step_cache.h"

#include <algorithm>

#include "base/error.h"

namespace burin::nn {

StepCache::StepCache(const CacheShape& shape, ops::LayerStores stores, int offset)
    : Cache(offset), shape_(shape), stores_(std::move(stores)), newest_(mx::array(0.0F)) {}

const ops::LayerStores& StepCache::stores(int batch) {
  while (stores_.size() < static_cast<size_t>(batch)) {
    stores_.push_back(std::make_shared<ops::KvStore>(shape_.kv_heads, shape_.head_dim, group_));
  }
  return stores_;
}

void StepCache::append(int count, const mx::array& result) {
  offset_ += count;
  newest_ = result;
}

void StepCache::quantize(int group_size) {
  if (group_ == group_size) {
    return;
  }
  group_ = group_size;
  const CacheState rows = state();
  stores_.clear();
  if (offset_ > 0) {
    stores_ = ops::store_rows(rows.arrays.at("0"), rows.arrays.at("1"), offset_, group_);
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
  CacheState state{.class_name = "KVCache", .arrays = {}, .scalars = {{"2", offset_}}};
  if (newest_ && offset_ > 0) {
    state.arrays = {{"0", ops::stored_rows(stores_, offset_, false, *newest_)},
                    {"1", ops::stored_rows(stores_, offset_, true, *newest_)}};
  }
  return state;
}

uint64_t StepCache::nbytes() const {
  const int64_t per_token = stores_.empty() ? 0 : stores_.front()->token_bytes();
  return static_cast<uint64_t>(per_token * offset_) * stores_.size();
}

}  // namespace burin::nn
