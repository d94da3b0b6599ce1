// Keys and values of one layer and one sequence as bfloat16 or int8, in the order in which attention reads them.
// Grows by chunks: nothing is moved.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace burin::kernels {

class KvStore {
 public:
  static constexpr int64_t kChunk = 64;  // tokens
  static constexpr int64_t kBlock = 16;  // keys side by side

  /** `head_dim` is a multiple of 16. `group` 0: bfloat16; else int8 with a scale for each `group` (a multiple of 16)
   * dimensions of a head. */
  KvStore(int64_t kv_heads, int64_t head_dim, int64_t group = 0)
      : kv_heads_(kv_heads), head_dim_(head_dim), group_(group) {}

  /** Makes room for tokens [begin, end); chunks that hold earlier ones alone are given back for good. */
  void hold(int64_t begin, int64_t end);
  /** Writes one head of one token, rounded. Shapes: key, value (head_dim). Threads: any, for other heads or tokens. */
  void write(int64_t token, int64_t kv_head, const float* key, const float* value);
  /** Shapes: key, value (head_dim). */
  void read(int64_t token, int64_t kv_head, float* key, float* value) const;

  /** One head's part of a chunk. Shapes: int8 keys (blocks, head_dim, 16), values (kChunk, head_dim), key_scales
   * (groups, kChunk), value_scales (kChunk, groups); bfloat16 keys (blocks, head_dim / 2, 16, 2), values
   * (kChunk / 2, head_dim, 2): pairs that are multiplied together. */
  template <typename T>
  struct View {
    T* keys;
    T* values;
    const T* next;        // what attention reads after the values: keys of the next chunk, if there is one
    float* key_scales;    // int8 only
    float* value_scales;  // int8 only
  };
  /** T: uint16_t for bfloat16, int8_t. */
  template <typename T>
  View<T> view(int64_t chunk, int64_t kv_head) const {
    const auto keys_of = [&](int64_t i) {
      return reinterpret_cast<T*>(chunks_[static_cast<size_t>(i)].get() + kv_head * head_bytes());
    };
    T* const keys = keys_of(chunk);
    const bool last = chunk + 1 == static_cast<int64_t>(chunks_.size());
    T* const values = keys + kChunk * head_dim_;
    auto* const scales = reinterpret_cast<float*>(values + kChunk * head_dim_);
    return {keys, values, last ? keys : keys_of(chunk + 1), scales, scales + kChunk * groups()};
  }

  /** Where in a view's keys dimension `d` of token `t` lies, counted from the chunk's first. */
  int64_t key_at(int64_t t, int64_t d) const {
    const int64_t block = t / kBlock * kBlock * head_dim_;
    return group_ == 0 ? block + d / 2 * 2 * kBlock + t % kBlock * 2 + d % 2 : block + d * kBlock + t % kBlock;
  }
  /** The same for a view's values. */
  int64_t value_at(int64_t t, int64_t d) const {
    return group_ == 0 ? t / 2 * 2 * head_dim_ + 2 * d + t % 2 : t * head_dim_ + d;
  }

  int64_t kv_heads() const { return kv_heads_; }
  int64_t head_dim() const { return head_dim_; }
  int64_t group() const { return group_; }
  /** Scales of a key: 1 for int8 that has one for the whole head, 0 for bfloat16. */
  int64_t groups() const { return group_ == 0 ? 0 : head_dim_ / group_; }
  /** Of one token. */
  int64_t token_bytes() const { return kv_heads_ * head_bytes() / kChunk; }
  /** Of all chunks. */
  int64_t nbytes() const;

 private:
  int64_t head_bytes() const { return kChunk * 2 * (group_ == 0 ? 2 * head_dim_ : head_dim_ + 4 * groups()); }

  int64_t kv_heads_, head_dim_, group_;
  std::vector<std::unique_ptr<std::byte[]>> chunks_;  // (kv_heads, keys | values | scales); null: given back
  std::unique_ptr<std::byte[]> spare_;
  int64_t first_ = 0;  // chunk that is held
};

}  // namespace burin::kernels
