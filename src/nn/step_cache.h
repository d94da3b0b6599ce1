// The cache of a layer that a decoder step reads and writes: bfloat16 or int8, in the kernels' own order.
#pragma once

#include "nn/cache.h"
#include "ops/decoder_step.h"

namespace burin::nn {

class StepCache : public Cache {
 public:
  explicit StepCache(const CacheShape& shape) : shape_(shape) {}
  /** `stores` hold the newest of `offset` tokens: all, or those of the window. */
  StepCache(const CacheShape& shape, ops::LayerStores stores, int offset);

  /** The stores of `batch` sequences, made when first asked for. */
  const ops::LayerStores& stores(int batch);
  /** `count` tokens more are in the stores once `result` is there. */
  void append(int count, const mx::array& result);
  /** Keeps int8 from now on, with a scale for each `group_size` dimensions of a head. */
  void quantize(int group_size);
  /** The newest result that the stores follow from. */
  const std::optional<mx::array>& newest() const { return newest_; }
  /** Tokens that a query sees, 0 for all; a window is never quantized. */
  int window() const { return shape_.window; }

  mx::array attend(const mx::array& q, const mx::array& keys, const mx::array& values, const AttendParams& params,
                   const ops::Mask& mask) override;
  /** Of a window that has moved, some tokens more are there: as many as guesses are taken back. */
  bool is_trimmable(int count, int more = 0) const override;
  void collect_pending(std::vector<mx::array>& arrays) const override;
  /** As KVCache, or RotatingKVCache, has it, in float32 and evaluated. */
  CacheState state() const override;
  uint64_t nbytes() const override;

 private:
  CacheShape shape_;
  ops::LayerStores stores_;
  std::optional<mx::array> newest_;
  int group_ = 0;   // of int8; 0: bfloat16
  int oldest_ = 0;  // token that is there for sure
};

/** What `cache` remembers in the form of a decoder step; null where a step cannot go on from it. */
std::unique_ptr<StepCache> make_step_cache(const Cache& cache, const CacheShape& shape);

}  // namespace burin::nn
