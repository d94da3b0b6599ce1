#include "base/json.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace burin {
namespace {

TEST(Json, RefusesWhatNestsTooDeep) {
  const std::string deep(100000, '[');
  EXPECT_THROW(parse_json(deep, "x"), Error);
  EXPECT_THROW(parse_json(std::string(65, '[') + std::string(65, ']'), "x"), Error);
  EXPECT_NO_THROW(parse_json(std::string(64, '[') + std::string(64, ']'), "x"));
}

TEST(Json, RefusesDuplicateKeysAndBadUtf8) {
  EXPECT_THROW(parse_json(R"({"a":1,"a":2})", "x"), Error);
  EXPECT_NO_THROW(parse_json(R"({"a":{"a":1},"b":{"a":2}})", "x"));
  EXPECT_THROW(parse_json("\"\xff\"", "x"), Error);
}

TEST(Json, ManyKeysAreRefusedOrSorted) {
  std::string text = "{";
  for (int i = 0; i < 40000; ++i) {
    text += (i == 0 ? "\"" : ",\"") + std::to_string(i) + "\":0";
  }
  text += "}";
  EXPECT_THROW(parse_json(text, "x"), Error);
  EXPECT_EQ(parse_sorted_json(text, "x").size(), 40000U);
}

TEST(Json, RefusesMoreBytesThanAllowed) {
  EXPECT_THROW(parse_json("[1,2,3]", "x", {.max_bytes = 3}), Error);
}

TEST(JsonView, NamesSourceAndKeyOfAWrongType) {
  const Json config = parse_json(R"({"layers":"many","big":1e300,"half":1.5,"none":null})", "config.json");
  const JsonView view(config, "config.json");
  try {
    view.integer("layers", 1, 10);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::Corrupt);
    EXPECT_STREQ(error.what(), "[config.json] \"layers\" must be an integer from 1 to 10");
  }
  EXPECT_THROW(view.integer("big", 1, 10), Error);
  EXPECT_THROW(view.integer("half", 1, 10), Error);
  EXPECT_FALSE(view.has("none"));
  EXPECT_EQ(view.integer_or("none", 7, 1, 10), 7);
}

}  // namespace
}  // namespace burin
