// Keys and values of one layer and one sequence as bfloat16, in the order in which attention reads them, and the
// softmax attention over them. Grows by chunks: nothing is moved.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

namespace burin::kernels {

class KvStore {
 public:
  static constexpr int64_t kChunk = 64;  // tokens
  static constexpr int64_t kBlock = 16;  // keys side by side

  /** `head_dim` is a multiple of 16. */
  KvStore(int64_t kv_heads, int64_t head_dim) : kv_heads_(kv_heads), head_dim_(head_dim) {}

  /** Makes room for tokens [0, count). */
  void reserve(int64_t count);
  /** Writes one head of one token, rounded to bfloat16. Shapes: key, value (head_dim). Threads: any, for other heads or
   * tokens. */
  void write(int64_t token, int64_t kv_head, const float* key, const float* value);
  /** Shapes: key, value (head_dim). */
  void read(int64_t token, int64_t kv_head, float* key, float* value) const;

  /** Keys of a chunk: (blocks, head_dim, 16). */
  const uint16_t* keys(int64_t chunk, int64_t kv_head) const { return at(chunk, kv_head); }
  /** Values of a chunk: (kChunk, head_dim). */
  const uint16_t* values(int64_t chunk, int64_t kv_head) const { return at(chunk, kv_head) + kChunk * head_dim_; }

  int64_t kv_heads() const { return kv_heads_; }
  int64_t head_dim() const { return head_dim_; }
  int64_t nbytes() const;

 private:
  uint16_t* at(int64_t chunk, int64_t kv_head) const {
    return chunks_[static_cast<size_t>(chunk)].get() + kv_head * 2 * kChunk * head_dim_;
  }

  int64_t kv_heads_, head_dim_;
  std::vector<std::unique_ptr<uint16_t[]>> chunks_;  // (kv_heads, keys | values)
};

/** Query rows that look at one KV head; row r sees the tokens before `visible[r]`. */
struct KvQueries {
  int64_t kv_head;
  int64_t rows;
  const float* const* q;   // (head_dim) each, multiplied by the scale
  float* const* out;       // (head_dim) each
  const int64_t* visible;  // at least 1
};

/** out[r] = softmax(q[r] k^T) v. On the caller's thread. */
void kv_attention(const KvStore& store, const KvQueries& queries);

}  // namespace burin::kernels
