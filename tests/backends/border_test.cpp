#include "backends/border.h"

#include <gtest/gtest.h>

#include <new>
#include <stdexcept>

namespace burin::backends {
namespace {

template <class Failure>
Error caught(const Failure& failure) {
  try {
    at_border("generate", "tiny", [&]() -> int { throw failure; });
  } catch (const Error& e) {
    return e;
  }
  return {ErrorCode::Cancelled, "test", "nothing was thrown"};
}

TEST(Border, PassesValues) {
  EXPECT_EQ(at_border("x", "tiny", [] { return 7; }), 7);
}

TEST(Border, KeepsAnErrorAndAddsTheModel) {
  const Error e = caught(Error(ErrorCode::Corrupt, "load", "bad").fact("file", "config.json"));
  EXPECT_EQ(e.code(), ErrorCode::Corrupt);
  EXPECT_EQ(e.facts().at("model"), "tiny");
  EXPECT_EQ(e.facts().at("file"), "config.json");
}

TEST(Border, TranslatesWhatMlxThrows) {
  const Error e = caught(std::invalid_argument("[matmul] shapes"));
  EXPECT_EQ(e.code(), ErrorCode::Internal);
  EXPECT_NE(e.message().find("model tiny"), std::string::npos);
  EXPECT_NE(e.message().find("[matmul] shapes"), std::string::npos);
}

TEST(Border, KnowsWhenMemoryRanOut) {
  EXPECT_EQ(caught(std::bad_alloc()).code(), ErrorCode::ResourceExhausted);
  EXPECT_EQ(caught(std::runtime_error("[malloc] Unable to allocate 9 bytes.")).code(), ErrorCode::ResourceExhausted);
}

}  // namespace
}  // namespace burin::backends
