// What attention remembers of earlier tokens: one cache for each layer, with mlx-lm's growth, rotation and masks.
// Source: mlx-lm 0.32.2 models/cache.py.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ops/fused.h"

namespace burin::nn {

/** A cache as mlx-lm writes it to a file: its class there, and what its `state` holds, by path within the layer. */
struct CacheState {
  std::string class_name;
  std::map<std::string, mx::array> arrays;
  std::map<std::string, int> scalars;
};

/** What a layer of a model keeps for one token: its cache must have these sizes. */
struct CacheShape {
  int kv_heads = 0;
  int head_dim = 0;
  int window = 0;         // 0: full attention
  bool in_order = false;  // attention looks keys up by position: none may leave
};

/** How scores become weights. */
struct AttendParams {
  float scale = 1.0F;
  float softcap = 0.0F;  // 0: none
};

/** Keys and values of one layer, (B, K, S, Dh) each. */
class Cache {
 public:
  virtual ~Cache() = default;
  /** Appends (B, K, L, Dh) and lets the queries (B, H, L, Dh) look at all they may see -> (B, H, L, Dh). */
  virtual mx::array attend(const mx::array& q, const mx::array& keys, const mx::array& values,
                           const AttendParams& params, const ops::Mask& mask) = 0;
  /** Mask for `new_tokens` queries that are about to be appended; `window` 0 means full attention. */
  virtual ops::Mask make_mask(int new_tokens, int window) const;
  /** Tokens seen so far; the position of the next one. */
  int offset() const { return offset_; }
  /** Whether the newest `count` tokens can be taken back, now or after `more` have been appended. */
  virtual bool is_trimmable(int count, int more = 0) const { return count <= offset_ + more; }
  /** Forgets the newest `count` tokens; returns how many. */
  virtual int trim(int count);
  virtual CacheState state() const = 0;
  /** Adds what is to be evaluated after a prefill chunk, so that the graph does not grow. */
  virtual void collect_pending(std::vector<mx::array>& arrays) const;
  virtual uint64_t nbytes() const;

 protected:
  Cache() = default;
  explicit Cache(int offset) : offset_(offset) {}

  int offset_ = 0;
};

using CacheList = std::vector<std::unique_ptr<Cache>>;

/** New tokens of one sequence among those of others. */
struct SequencePart {
  CacheList* cache = nullptr;  // of this sequence alone
  int count = 0;
  int wanted = 1;  // of the newest of them, whose logits are needed
};

/** Takes the newest `count` tokens from every layer; false, and nothing changed, where one cannot give them back. */
bool trim(CacheList& caches, int count);

/**
 * A cache as it was saved. Throws: Corrupt where sizes, types or counters do not fit each other or `shape`.
 * Shapes: batch 1.
 */
std::unique_ptr<Cache> make_cache(const CacheState& state, const CacheShape& shape);

using KeysAndValues = std::pair<mx::array, mx::array>;

/** Caches of whole keys and values. */
class FloatCache : public Cache {
 public:
  using Cache::Cache;
  /** What is held of the newest tokens, in their order; none where it is empty. */
  virtual std::optional<KeysAndValues> newest() const = 0;
  mx::array attend(const mx::array& q, const mx::array& keys, const mx::array& values, const AttendParams& params,
                   const ops::Mask& mask) override;
  /** Appends (B, K, L, Dh) and returns all keys and values that the new queries may look at. */
  virtual KeysAndValues update_and_fetch(const mx::array& keys, const mx::array& values) = 0;
};

/** Grows by 256 tokens at a time. */
class KVCache : public FloatCache {
 public:
  static constexpr int kStep = 256;
  KVCache() = default;
  KVCache(mx::array keys, mx::array values, int offset)
      : FloatCache(offset), keys_(std::move(keys)), values_(std::move(values)) {}
  KeysAndValues update_and_fetch(const mx::array& keys, const mx::array& values) override;
  std::optional<KeysAndValues> newest() const override;
  CacheState state() const override;

 private:
  std::optional<mx::array> keys_;
  std::optional<mx::array> values_;
};

/** Keeps the first `keep` and the newest tokens, `max_size` in all. */
class RotatingKVCache : public FloatCache {
 public:
  explicit RotatingKVCache(int max_size, int keep = 0) : max_size_(max_size), keep_(keep) {}
  /** Where the next token goes: `idx` in the buffer, `offset` in the text. */
  struct Place {
    int offset = 0;
    int idx = 0;
  };
  RotatingKVCache(mx::array keys, mx::array values, Place place, int max_size, int keep)
      : FloatCache(place.offset),
        keys_(std::move(keys)),
        values_(std::move(values)),
        max_size_(max_size),
        keep_(keep),
        idx_(place.idx) {}
  KeysAndValues update_and_fetch(const mx::array& keys, const mx::array& values) override;
  ops::Mask make_mask(int new_tokens, int window) const override;
  std::optional<KeysAndValues> newest() const override;
  /** Whether it holds the window of a layer: `size` tokens, none of them for good. */
  bool is_window_of(int size) const { return max_size_ == size && keep_ == 0; }
  bool is_trimmable(int count, int more = 0) const override {
    return Cache::is_trimmable(count, more) && offset_ + more < max_size_;
  }
  int trim(int count) override;
  CacheState state() const override;

 private:
  KeysAndValues update_concat(const mx::array& keys, const mx::array& values);
  KeysAndValues update_in_place(const mx::array& keys, const mx::array& values);
  mx::array temporal_order(const mx::array& v) const;
  mx::array trimmed(const mx::array& v, int trim_size, const mx::array* append) const;

  std::optional<mx::array> keys_;
  std::optional<mx::array> values_;
  int max_size_;
  int keep_;
  int idx_ = 0;
};

}  // namespace burin::nn
