#include "base/error.h"

#include <gtest/gtest.h>

namespace burin {
namespace {

TEST(Error, CarriesWhereMessageHintAndTypeOfItsCode) {
  const Error error = Error(ErrorCode::NotFound, "hub", "no such model").hint("burin list");
  EXPECT_STREQ(error.what(), "[hub] no such model");
  EXPECT_EQ(error.message(), "no such model");
  EXPECT_EQ(error.hint(), "burin list");
  EXPECT_EQ(error.type(), "not_found");
}

TEST(Error, MessageNamesWhatIsCorruptOrUnsupported) {
  EXPECT_EQ(Error(ErrorCode::Corrupt, "a.gguf", "ends early").message(), "a.gguf: ends early");
  EXPECT_EQ(Error(ErrorCode::Unsupported, "config.json", "model_type \"x\"").message(),
            "config.json: model_type \"x\"");
  EXPECT_EQ(Error(ErrorCode::Corrupt, "a.gguf", "a.gguf: ends early").message(), "a.gguf: ends early");
}

TEST(Error, TraitsFollowTheTableOfTheDesign) {
  EXPECT_EQ(traits(ErrorCode::Internal).exit_status, 1);
  EXPECT_EQ(traits(ErrorCode::Corrupt).exit_status, 7);
  EXPECT_EQ(traits(ErrorCode::Corrupt).http_status, 422);
  EXPECT_EQ(traits(ErrorCode::Cancelled).exit_status, 130);
}

}  // namespace
}  // namespace burin
