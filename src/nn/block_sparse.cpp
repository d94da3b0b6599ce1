#include "nn/block_sparse.h"

namespace burin::nn {
namespace {

mx::array integer(int value) {
  return mx::array(value, mx::int32);
}

}  // namespace

ops::Mask make_mask(const Cache& cache, int new_tokens, const Sight& sight) {
  const BlockSparsity& sparsity = sight.sparsity;
  const int all = cache.offset() + new_tokens;
  const bool sparse = sparsity.block_size > 0 && all > int64_t{sparsity.block_size} * sparsity.local_blocks;
  return sparse ? ops::Mask::of(block_sparse_mask(sparsity, new_tokens, all))
                : cache.make_mask(new_tokens, sight.window);
}

// A query's block is that of its position. mlx-lm counts blocks back from the end of what it is given, which is the
// same when one token comes at a time; for several, its result depends on how the text was cut.
mx::array block_sparse_mask(const BlockSparsity& sparsity, int new_tokens, int all_tokens) {
  const mx::array size = integer(sparsity.block_size);
  const mx::array keys = mx::arange(0, all_tokens, 1, mx::int32);  // (S)
  const mx::array queries =
      mx::expand_dims(mx::arange(all_tokens - new_tokens, all_tokens, 1, mx::int32), 1);  // (L, 1)
  const mx::array heads = mx::reshape(mx::arange(1, sparsity.heads + 1, 1, mx::int32), {1, -1, 1, 1});
  const mx::array key_blocks = mx::floor_divide(keys, size);
  const mx::array distance = mx::subtract(mx::floor_divide(queries, size), key_blocks);  // (L, S)
  const mx::array near = mx::less(distance, integer(sparsity.local_blocks));
  const mx::array turn = mx::remainder(mx::add(key_blocks, heads), integer(sparsity.vertical_stride));  // (1, H, 1, S)
  const mx::array seen = mx::logical_or(near, mx::equal(turn, integer(0)));
  return mx::logical_and(seen, mx::greater_equal(queries, keys));
}

}  // namespace burin::nn
