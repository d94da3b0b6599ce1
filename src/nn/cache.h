// What attention remembers of earlier tokens: one cache for each layer, with mlx-lm's growth, rotation and masks.
// Source: mlx-lm 0.32.2 models/cache.py.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "ops/fused.h"

namespace burin::nn {

/** Keys and values of one layer, (B, K, S, Dh) each. */
class Cache {
 public:
  virtual ~Cache() = default;
  /** Appends (B, K, L, Dh) and returns all keys and values that the new queries may look at. */
  virtual std::pair<mx::array, mx::array> update_and_fetch(const mx::array& keys, const mx::array& values) = 0;
  /** Mask for `new_tokens` queries that are about to be appended; `window` 0 means full attention. */
  virtual ops::Mask make_mask(int new_tokens, int window) const = 0;
  /** Tokens seen so far; the position of the next one. */
  virtual int offset() const = 0;
  virtual bool is_trimmable() const = 0;
  /** Forgets the newest `count` tokens; returns how many. */
  virtual int trim(int count) = 0;
  /** Arrays to evaluate after a prefill chunk, so that the graph does not grow. */
  virtual std::vector<mx::array> state() const = 0;
  virtual uint64_t nbytes() const = 0;
};

using CacheList = std::vector<std::unique_ptr<Cache>>;

/** Grows by 256 tokens at a time. */
class KVCache : public Cache {
 public:
  static constexpr int kStep = 256;
  std::pair<mx::array, mx::array> update_and_fetch(const mx::array& keys, const mx::array& values) override;
  ops::Mask make_mask(int new_tokens, int window) const override;
  int offset() const override { return offset_; }
  bool is_trimmable() const override { return true; }
  int trim(int count) override;
  std::vector<mx::array> state() const override;
  uint64_t nbytes() const override;

 private:
  std::optional<mx::array> keys_;
  std::optional<mx::array> values_;
  int offset_ = 0;
};

/** Keeps the first `keep` and the newest tokens, `max_size` in all. */
class RotatingKVCache : public Cache {
 public:
  explicit RotatingKVCache(int max_size, int keep = 0) : max_size_(max_size), keep_(keep) {}
  std::pair<mx::array, mx::array> update_and_fetch(const mx::array& keys, const mx::array& values) override;
  ops::Mask make_mask(int new_tokens, int window) const override;
  int offset() const override { return offset_; }
  bool is_trimmable() const override { return offset_ < max_size_; }
  int trim(int count) override;
  std::vector<mx::array> state() const override;
  uint64_t nbytes() const override;

 private:
  std::pair<mx::array, mx::array> update_concat(const mx::array& keys, const mx::array& values);
  std::pair<mx::array, mx::array> update_in_place(const mx::array& keys, const mx::array& values);
  mx::array temporal_order(const mx::array& v) const;
  mx::array trimmed(const mx::array& v, int trim_size, const mx::array* append) const;

  std::optional<mx::array> keys_;
  std::optional<mx::array> values_;
  int max_size_;
  int keep_;
  int offset_ = 0;
  int idx_ = 0;
};

}  // namespace burin::nn
