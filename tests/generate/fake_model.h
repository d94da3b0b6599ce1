// A model whose next token is a function of the last one: the loop around it can be checked without weights.
#pragma once

#include <functional>
#include <vector>

#include "models/model.h"

namespace burin::generate {

namespace mx = mlx::core;

/** Counts tokens, holds nothing. */
class CountingCache : public nn::Cache {
 public:
  mx::array attend(const mx::array& q, const mx::array& keys, const mx::array&, const nn::AttendParams&,
                   const ops::Mask&) override {
    offset_ += keys.shape(2);
    return q;
  }
  ops::Mask make_mask(int, int) const override { return {}; }
  nn::CacheState state() const override { return {.class_name = "CountingCache", .arrays = {}, .scalars = {}}; }
};

/** Puts all weight on `next(last id)`; remembers the length of every call. */
class FakeModel : public models::Model {
 public:
  FakeModel(int vocab_size, std::function<int32_t(int32_t)> next) : next_(std::move(next)) {
    facts_.vocab_size = vocab_size;
  }
  mx::array logits(const mx::array& ids, nn::CacheList& cache) const override {
    mx::array held = mx::contiguous(ids);
    mx::eval(held);
    const int length = ids.shape(1);
    calls.push_back(length);
    const mx::array tokens = mx::zeros({1, 1, length, 1});
    cache.at(0)->attend(tokens, tokens, tokens, {}, {});
    std::vector<float> rows(static_cast<size_t>(length) * facts_.vocab_size, 0.0F);
    for (int i = 0; i < length; ++i) {
      rows.at(static_cast<size_t>(i) * facts_.vocab_size + next_(held.data<int32_t>()[i])) = height;
    }
    return mx::array(rows.data(), {1, length, facts_.vocab_size});
  }
  mx::array last_logits(const mx::array& ids, nn::CacheList& cache) const override {
    const int length = ids.shape(1);
    return mx::reshape(mx::slice(logits(ids, cache), {0, length - 1, 0}, {1, length, facts_.vocab_size}),
                       {1, facts_.vocab_size});
  }
  nn::CacheList make_cache(const nn::CacheOptions&) const override {
    nn::CacheList cache;
    cache.push_back(std::make_unique<CountingCache>());
    return cache;
  }
  const std::vector<nn::CacheShape>& cache_shapes() const override { return shapes_; }
  const models::ModelFacts& facts() const override { return facts_; }

  models::ModelFacts facts_;
  float height = 4.0F;  // logit of the next token; all others are 0
  mutable std::vector<int> calls;

 private:
  std::vector<nn::CacheShape> shapes_{{.kv_heads = 1, .head_dim = 1}};
  std::function<int32_t(int32_t)> next_;
};

}  // namespace burin::generate
