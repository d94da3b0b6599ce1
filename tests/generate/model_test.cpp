#include <gtest/gtest.h>

#include "fake_model.h"

namespace burin::generate {
namespace {

TEST(Model, RunsPartsAloneWhereItKnowsNoOtherWay) {
  const FakeModel model(8, [](int32_t id) { return (id + 1) % 8; });
  nn::CacheList one = model.make_cache({});
  nn::CacheList two = model.make_cache({});
  const models::Model& base = model;
  const mx::array rows = base.part_logits(mx::array({1, 2, 3, 6}),
                                          {{.cache = &one, .count = 3, .wanted = 2}, {.cache = &two, .count = 1}});
  EXPECT_TRUE(mx::array_equal(mx::argmax(rows, -1), mx::array({3, 4, 7}, mx::uint32)).item<bool>());
  EXPECT_EQ(model.calls, (std::vector<int>{3, 1}));
  EXPECT_EQ(one.front()->offset(), 3);
}

}  // namespace
}  // namespace burin::generate
