#include "base/json_excerpt.h"

#include <array>
#include <random>

#include <gtest/gtest.h>

#include "base/error.h"

namespace burin {
namespace {

constexpr std::array<std::string_view, 3> kWanted{"a", "model_type", "q"};

/** The wanted members by way of the whole tree; none when parse_json refuses the text. */
std::optional<Json> by_the_tree(const std::string& text) {
  try {
    Json found = Json::object();
    const Json whole = parse_json(text, "t");
    for (const auto& [key, value] : whole.items()) {
      if (std::ranges::find(kWanted, key) != kWanted.end()) {
        found[key] = value;
      }
    }
    return whole.is_object() && !whole.empty() ? std::optional(found) : std::nullopt;
  } catch (const Error&) {
    return std::nullopt;
  }
}

TEST(JsonExcerpt, KeepsTheWantedMembersInTheirOrder) {
  const std::string text = " {\"x\":[1,{\"a\":2}], \"q\" :\n{\"bits\": 4,\"l\":[]},\"a\":\"\\\"}\",\"b\":-1.5e+06}\r\n";
  EXPECT_EQ(excerpt_members(text, kWanted), "{\"q\":{\"bits\": 4,\"l\":[]},\"a\":\"\\\"}\"}");
  EXPECT_EQ(excerpt_members("{\"b\":null,\"c\":{},\"d\":[ ],\"e\":[true,false]}", kWanted), "{}");
}

TEST(JsonExcerpt, LeavesToTheParserWhatItMayRefuse) {
  const std::string deep = std::string(64, '[') + std::string(64, ']');
  for (const std::string& text : {std::string(),
                                  std::string("{}"),
                                  std::string("[]"),
                                  std::string("null"),
                                  std::string("{\"a\":1"),
                                  std::string("{\"a\":1}x"),
                                  std::string("{\"a\":1,}"),
                                  std::string("{\"a\":01}"),
                                  std::string("{\"a\":1.}"),
                                  std::string("{\"a\":+1}"),
                                  std::string("{\"a\":1e}"),
                                  std::string("{\"a\":1e999}"),
                                  std::string("{\"a\":nul}"),
                                  std::string("{\"a\":1,\"a\":2}"),
                                  std::string("{\"b\":{\"x\":1,\"y\":2,\"x\":3}}"),
                                  std::string("{\"a\" 1}"),
                                  std::string("{\"\\u0061\":1}"),
                                  std::string("{\"b\":\"\xff\"}"),
                                  std::string("{\"b\":\"\t\"}"),
                                  std::string("{\"b\":\"\\x\"}"),
                                  std::string("{\"b\":[1 2]}"),
                                  std::string("{\"b\":[1,]}"),
                                  "{\"b\":" + deep + "}",
                                  std::string("{a:1}"),
                                  std::string("{\"b\":\"\\"),
                                  std::string("{\"b\":-}"),
                                  std::string("{\"a\":1}\0", 8)}) {
    EXPECT_EQ(excerpt_members(text, kWanted), std::nullopt) << text;
  }
  EXPECT_EQ(excerpt_members("{\"a\":1}", kWanted, {.max_bytes = 6}), std::nullopt);
  EXPECT_TRUE(excerpt_members("{\"b\":" + deep.substr(1, 126) + "}", kWanted));
}

TEST(JsonExcerpt, AgreesWithTheParserOnDamagedText) {
  const std::string whole =
      R"({"model_type":"qwen3","x":{"a":[1,-2.5,3e-05,{"q":"\n"}],"n":null},"q":{"bits":4,"l":{"bits":8}},"a":[true,""]})";
  constexpr std::string_view kBytes = "{}[]\",:\\ \n0159.eE+-tfnaqx\xc3";
  std::minstd_rand random(7);
  size_t accepted = 0;
  for (int round = 0; round < 20000; ++round) {
    std::string text = whole;
    for (unsigned change = random() % 3; change-- > 0;) {
      const size_t at = random() % text.size();
      const char byte = kBytes[random() % kBytes.size()];
      switch (random() % 3) {
        case 0:
          text[at] = byte;
          break;
        case 1:
          text.insert(at, 1, byte);
          break;
        default:
          text.erase(at, 1 + random() % 4);
      }
    }
    if (const auto excerpt = excerpt_members(text, kWanted)) {
      ++accepted;
      const auto expected = by_the_tree(text);
      ASSERT_TRUE(expected) << text;
      ASSERT_EQ(parse_json(*excerpt, "excerpt"), *expected) << text;
    }
  }
  EXPECT_GT(accepted, 6000U);
}

}  // namespace
}  // namespace burin
