// Keys and values of few bits: a longer context in the same memory.
// Source: mlx-lm 0.32.2 models/cache.py (QuantizedKVCache), generate.py (maybe_quantize_kv_cache).
#pragma once

#include <optional>

#include "nn/cache.h"

namespace burin::nn {

/** When and how caches become quantized. Defaults: mlx-lm's. */
struct KVQuantization {
  int bits = 8;  // 2, 3, 4, 5, 6 or 8
  int group_size = 64;
  int start = 5000;  // tokens from which on a cache is quantized
};

/** What a new sequence remembers. */
struct CacheOptions {
  int max_kv_size = 0;  // 0: everything; else layers of full attention keep the first 4 tokens and the newest
  std::optional<KVQuantization> quantization;
};

/** Throws: InvalidArgument for bits or a group size that MLX has not, or heads that groups do not divide. */
void check(const KVQuantization& quantization, const std::vector<CacheShape>& shapes);

/** One empty cache for each layer. Throws: InvalidArgument for options that are out of range or exclude each other. */
CacheList make_caches(const CacheOptions& options, const std::vector<CacheShape>& shapes);

/** Quantizes the caches that hold `start` tokens or more; those of a window stay as they are. A decoder step keeps 8
 * bits as int8 without offsets. */
void quantize_caches(CacheList& caches, const KVQuantization& quantization);

/** Rows are quantized (affine) when they are written; grows by 256 tokens at a time. */
class QuantizedKVCache : public Cache {
 public:
  QuantizedKVCache(ops::QuantizedWeight keys, ops::QuantizedWeight values, int offset);
  mx::array attend(const mx::array& q, const mx::array& keys, const mx::array& values, const AttendParams& params,
                   const ops::Mask& mask) override;
  CacheState state() const override;

 private:
  ops::QuantizedWeight keys_;  // (B, K, S, ..)
  ops::QuantizedWeight values_;
};

}  // namespace burin::nn
