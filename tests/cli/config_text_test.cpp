#include "cli/config_text.h"

#include <gmock/gmock.h>

#include "base/error.h"

namespace burin::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string set(const std::string& text, const std::string& name, const std::string& value) {
  return with_entry(text, "run", name, value);
}

TEST(ConfigText, KnowsLinesAndKinds) {
  const auto entries =
      parse_config("top = 1\n\n[run]\na = 1 # one\nb = [\n  'x',\n  'y']\n[list]\nall = true\n[empty]\n");
  ASSERT_EQ(entries.size(), 5);
  EXPECT_EQ(entries[0].table, "");
  EXPECT_EQ(entries[1].line, 4);
  EXPECT_EQ(entries[1].kind, ConfigKind::Integer);
  EXPECT_TRUE(entries[2].list);
  EXPECT_THAT(entries[2].values, ElementsAre("x", "y"));
  EXPECT_EQ(entries[3].kind, ConfigKind::Flag);
  EXPECT_EQ(entries[4].table, "empty");
}

TEST(ConfigText, ChangesOneValueAndNothingElse) {
  EXPECT_EQ(set("# mine\n[run]  # here\n  a  =  1   # why\nb = 2\n", "a", "7"),
            "# mine\n[run]  # here\n  a  =  7   # why\nb = 2\n");
  EXPECT_EQ(set("run.a = 1 # why", "a", "7"), "run.a = 7 # why");
  EXPECT_EQ(set("run = { a = 1, b = 2 } # why\n", "a", "7"), "run = { a = 7, b = 2 } # why\n");
  EXPECT_EQ(set("[run]\na = [\n 'x', # one\n]\nb = 1\n", "a", "[]"), "[run]\na = []\nb = 1\n");
  EXPECT_EQ(set("[run]\r\na = 1\r\nb = 2\r\n", "a", "7"), "[run]\r\na = 7\r\nb = 2\r\n");
  EXPECT_EQ(set("[run]\n\"a\" = 'é' # ü\n", "a", "7"), "[run]\n\"a\" = 7 # ü\n");
  EXPECT_EQ(set("# é\n['run']\ns = 'ü'\na = 1", "a", "7"), "# é\n['run']\ns = 'ü'\na = 7");
}

TEST(ConfigText, AddsWhereTheTableIs) {
  EXPECT_EQ(set("", "a", "7"), "[run]\na = 7\n");
  EXPECT_EQ(set("# only a remark", "a", "7"), "# only a remark\n\n[run]\na = 7\n");
  EXPECT_EQ(set("[run]\n  b = 1 # x\n\n[list]\nall = true\n", "a", "7"),
            "[run]\n  b = 1 # x\n  a = 7\n\n[list]\nall = true\n");
  EXPECT_EQ(set("[run]\n# nothing\n[list]\n", "a", "7"), "[run]\na = 7\n# nothing\n[list]\n");
  EXPECT_EQ(set("run.b = 1\n[list]\nall = true\n", "a", "7"), "run.b = 1\nrun.a = 7\n[list]\nall = true\n");
  EXPECT_EQ(set("run = { b = 1 } # why\n", "a", "7"), "run = { b = 1, a = 7 } # why\n");
  EXPECT_EQ(set("run = {}\n", "a", "7"), "run = { a = 7 }\n");
  EXPECT_EQ(set("[run]\nb = \"\"\"\n[run]\na = 5\n\"\"\"\n", "a", "7"),
            "[run]\nb = \"\"\"\n[run]\na = 5\n\"\"\"\na = 7\n");
  EXPECT_EQ(set("[run]\r\nb = 1", "a", "7"), "[run]\r\nb = 1\r\na = 7\r\n");
}

TEST(ConfigText, TakesOneEntryOut) {
  const auto unset = [](const std::string& text) { return without_entry(text, "run", "a"); };
  EXPECT_EQ(unset("[run]\n# x\na = 1 # why\nb = 2\n"), "[run]\n# x\nb = 2\n");
  EXPECT_EQ(unset("[run]\na = [\n 1,\n]\n[list]\n"), "[run]\n[list]\n");
  EXPECT_EQ(unset("run = { a = 1, b = 2 }\n"), "run = { b = 2 }\n");
  EXPECT_EQ(unset("run = { b = 2, a = 1 }\n"), "run = { b = 2 }\n");
  EXPECT_EQ(unset("run = { a = 1 }\n"), "");
  EXPECT_EQ(unset("run.a = 1"), "");
  EXPECT_EQ(unset("[run]\nb = 1\n"), "[run]\nb = 1\n");
}

TEST(ConfigText, RefusesWhatIsNoToml) {
  for (const char* text : {"[run", "a = ", "= 1", "[run]\na = 1\na = 2\n", "\xff", "a = \"\x01\"", "[a]\n[a]\n",
                           "[=", "[[[", "[#", "[.a]", "[[ [a]]]"}) {
    EXPECT_THROW(parse_config(text), Error) << text;
    EXPECT_THROW(set(text, "a", "7"), Error) << text;
  }
  try {
    parse_config("[run]\n\nb = [1\n");
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::Corrupt);
    EXPECT_THAT(error.message(), HasSubstr("config.toml:"));
  }
  EXPECT_THROW(parse_config("a = 0.5-\u016a"), Error);
  EXPECT_THAT(parse_config("a = \"\"\"x\\\n  \u00e9\"\"\"").front().values, ElementsAre("x\u00e9"));
  EXPECT_THROW(set("run = 5\n", "a", "7"), Error);
  EXPECT_THROW(parse_config(std::string(100000, '[')), Error);
}

TEST(ConfigText, QuotesEveryText) {
  for (const std::string text : {"", "a\"b", "a\\b", "a\nb\tc\x01\x7f", "ü#=[]", "\r\n"}) {
    const auto entries = parse_config(set("", "a", toml_quoted(text)));
    ASSERT_EQ(entries.size(), 1);
    EXPECT_THAT(entries[0].values, ElementsAre(text));
  }
}

}  // namespace
}  // namespace burin::cli
