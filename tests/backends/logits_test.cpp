#include "backends/logits.h"

#include <gtest/gtest.h>

#include "../generate/fake_model.h"
#include "base/error.h"

namespace burin::backends {
namespace {

generate::FakeModel counting(int vocab_size = 8) {
  return {vocab_size, [vocab_size](int32_t id) { return (id + 1) % vocab_size; }};
}

TEST(Logits, OneRowForEveryToken) {
  const auto model = counting();
  const engine::Logits logits = compute_logits(model, {.tokens = {3, 1, 6}});
  EXPECT_EQ(logits.rows, 3);
  EXPECT_EQ(logits.vocab_size, 8);
  ASSERT_EQ(logits.values.size(), 24U);
  EXPECT_EQ(logits.values[4], 4.0F);
  EXPECT_EQ(logits.values[8 + 2], 4.0F);
  EXPECT_EQ(logits.values[16 + 7], 4.0F);
  EXPECT_EQ(model.calls, std::vector<int>{3});
}

TEST(Logits, ChunksAndStepsGiveTheSameRows) {
  const std::vector<int32_t> tokens{0, 5, 2, 7, 1, 1, 4};
  const auto whole = compute_logits(counting(), {.tokens = tokens});
  const auto model = counting();
  EXPECT_EQ(compute_logits(model, {.tokens = tokens, .chunk = 2, .steps = 2}).values, whole.values);
  EXPECT_EQ(model.calls, (std::vector<int>{2, 2, 1, 1, 1}));
  const auto stepwise = counting();
  EXPECT_EQ(compute_logits(stepwise, {.tokens = tokens, .steps = 7}).values, whole.values);
  EXPECT_EQ(stepwise.calls, std::vector<int>(7, 1));
}

TEST(Logits, LargeVocabulariesAreDoneInPieces) {
  const auto model = counting(1024);
  const auto logits = compute_logits(model, {.tokens = std::vector<int32_t>(10, 5)}, 4 * 1024 * sizeof(float));
  EXPECT_EQ(logits.rows, 10);
  EXPECT_EQ(logits.values.size(), 10U * 1024U);
  EXPECT_EQ(model.calls, (std::vector<int>{4, 4, 2}));
}

TEST(Logits, RefusesBadRequests) {
  const auto refused = [](const engine::LogitsRequest& request, const std::string& param) {
    try {
      compute_logits(counting(), request);
      FAIL() << param;
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ErrorCode::InvalidArgument);
      EXPECT_EQ(e.facts().at("param"), param);
    }
  };
  refused({}, "prompt");
  refused({.tokens = {8}}, "prompt");
  refused({.tokens = {-1}}, "prompt");
  refused({.tokens = {1}, .chunk = -1}, "chunk");
  refused({.tokens = {1}, .steps = 2}, "steps");
  refused({.tokens = {1}, .steps = -1}, "steps");
}

}  // namespace
}  // namespace burin::backends
