#include "nn/block_sparse.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "nn/quantized_cache.h"

namespace burin::nn {
namespace {

constexpr BlockSparsity kSparsity{.block_size = 4, .local_blocks = 2, .vertical_stride = 3, .heads = 5};

/** Which keys a query at `position` sees, said once more without arrays. */
bool sees(int head, int position, int key) {
  const int near = position / kSparsity.block_size - key / kSparsity.block_size;
  const bool turn = (key / kSparsity.block_size + head + 1) % kSparsity.vertical_stride == 0;
  return key <= position && (near < kSparsity.local_blocks || turn);
}

void expect_mask(int new_tokens, int all_tokens) {
  mx::array mask = mx::contiguous(block_sparse_mask(kSparsity, new_tokens, all_tokens));
  mask.eval();
  ASSERT_EQ(mask.shape(), (mx::Shape{1, kSparsity.heads, new_tokens, all_tokens}));
  const bool* at = mask.data<bool>();
  for (int head = 0; head < kSparsity.heads; ++head) {
    for (int query = all_tokens - new_tokens; query < all_tokens; ++query) {
      for (int key = 0; key < all_tokens; ++key) {
        EXPECT_EQ(*at++, sees(head, query, key)) << head << " " << query << " " << key;
      }
    }
  }
}

TEST(BlockSparseMask, DependsOnPositionsAlone) {
  expect_mask(30, 30);
  expect_mask(7, 30);
  expect_mask(1, 29);
}

TEST(BlockSparseMask, IsTheCachesOwnWhileAllBlocksAreNear) {
  const KVCache cache;
  EXPECT_EQ(make_mask(cache, 8, {.sparsity = kSparsity}).kind, ops::Mask::Kind::Causal);
  EXPECT_EQ(make_mask(cache, 9, {.sparsity = kSparsity}).kind, ops::Mask::Kind::Array);
  EXPECT_EQ(make_mask(cache, 9, {}).kind, ops::Mask::Kind::Causal);
}

TEST(BlockSparseMask, NeedsACacheThatKeepsEveryToken) {
  const std::vector<CacheShape> shapes{{.kv_heads = 1, .head_dim = 32, .in_order = true}};
  EXPECT_EQ(make_caches({}, shapes).size(), 1U);
  try {
    make_caches({.max_kv_size = 16}, shapes);
    FAIL() << "a limited cache was made";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::Unsupported);
  }
  EXPECT_THROW(make_cache(RotatingKVCache(16).state(), shapes.front()), Error);
}

}  // namespace
}  // namespace burin::nn
