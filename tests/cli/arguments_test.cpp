#include "cli/arguments.h"

#include <gmock/gmock.h>

#include "base/error.h"
#include "cli/parse.h"
#include "cli/usage.h"

namespace burin::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const Command kCommand{
    .name = "try",
    .summary = "try arguments",
    .positionals = {{.name = "MODEL", .help = "a model"}, {.name = "TEXT", .help = "a text", .required = false}},
    .options = {{.name = "--count",
                 .kind = ValueKind::Integer,
                 .value_name = "N",
                 .default_text = "3",
                 .low = 1,
                 .high = 10,
                 .help = "how many"},
                {.name = "--share", .kind = ValueKind::Number, .value_name = "P", .low = 0, .help = "how much"},
                {.name = "--mode", .kind = ValueKind::Choice, .value_name = "fast|exact", .help = "how"},
                {.name = "--stop", .kind = ValueKind::Text, .value_name = "TEXT", .help = "where", .repeatable = true},
                {.name = "--loud", .help = "with noise"}},
};

Arguments parse(std::vector<std::string> words) {
  return parse_arguments(kCommand, std::move(words));
}

std::string failure(std::vector<std::string> words) {
  try {
    parse(std::move(words));
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::InvalidArgument);
    return error.message() + " | " + error.hint();
  }
  return "no error";
}

TEST(Arguments, ComeInAnyOrder) {
  const Arguments arguments = parse({"--count", "7", "m", "--stop=a", "text", "--stop", "b", "--loud"});
  EXPECT_EQ(arguments.integer("--count"), 7);
  EXPECT_EQ(arguments.text("MODEL"), "m");
  EXPECT_EQ(arguments.text("TEXT"), "text");
  EXPECT_THAT(arguments.all("--stop"), ElementsAre("a", "b"));
  EXPECT_TRUE(arguments.has("--loud"));
}

TEST(Arguments, HaveDefaults) {
  const Arguments arguments = parse({"m"});
  EXPECT_EQ(arguments.integer("--count"), 3);
  EXPECT_FALSE(arguments.has("--count"));
  EXPECT_FALSE(arguments.has("TEXT"));
  EXPECT_EQ(arguments.text("--mode"), "");
}

TEST(Arguments, TakeTextAsItIs) {
  for (const char* text : {"-", "", "[a,b]", "[]", "{\"a\":1}", "a,b", "%x", "\"quoted\"", "a\nb", "# no comment"}) {
    EXPECT_EQ(parse({"m", text}).text("TEXT"), text);
    EXPECT_EQ(parse({"m", "--stop", text}).text("--stop"), text);
  }
  EXPECT_EQ(parse({"m", "--", "--loud"}).text("TEXT"), "--loud");
  EXPECT_EQ(parse({"m", "--stop", "--loud"}).text("--stop"), "--loud");
  EXPECT_EQ(parse({"m", "--stop", ""}).text("--stop"), "");
}

TEST(Arguments, AreCheckedAgainstKindAndRange) {
  EXPECT_THAT(failure({"m", "--count", "11"}), HasSubstr("--count: \"11\" is not 1 to 10"));
  EXPECT_THAT(failure({"m", "--count", "1.5"}), HasSubstr("is not an integer"));
  EXPECT_THAT(failure({"m", "--count", "99999999999999999999"}), HasSubstr("range of integers"));
  EXPECT_THAT(failure({"m", "--share", "nan"}), HasSubstr("is not a number"));
  EXPECT_THAT(failure({"m", "--share", "inf"}), HasSubstr("is not a number"));
  EXPECT_THAT(failure({"m", "--share", "-0.1"}), HasSubstr("is not 0 or more"));
  EXPECT_THAT(failure({"m", "--mode", "fas"}), HasSubstr("is not one of fast|exact"));
  EXPECT_THAT(failure({"m", "--mode", "fast|exact"}), HasSubstr("is not one of"));
}

TEST(Arguments, RefuseWhatTheDescriptorDoesNotName) {
  EXPECT_THAT(failure({"m", "--lou"}), HasSubstr("unknown option --lou | did you mean --loud?"));
  EXPECT_THAT(failure({"m", "--zzzzzzzz=1"}), HasSubstr("unknown option --zzzzzzzz | `burin help try`"));
  EXPECT_THAT(failure({"m", "t", "more"}), HasSubstr("unexpected argument \"more\""));
  EXPECT_THAT(failure({}), HasSubstr("MODEL is missing"));
  EXPECT_THAT(failure({"m", "--count"}), HasSubstr("--count"));
  EXPECT_THAT(failure({"m", "--count", "1", "--count", "2"}), HasSubstr("--count"));
  EXPECT_THAT(failure({"m", "--loud=false"}), HasSubstr("loud was given"));
}

TEST(Arguments, AreNotRequiredForHelp) {
  EXPECT_TRUE(parse({"--help"}).has("--help"));
  EXPECT_TRUE(parse({"-h"}).has("--help"));
}

TEST(Json, IsAskedForBeforeTheDoubleDash) {
  EXPECT_TRUE(wants_json({"run", "--json", "m"}));
  EXPECT_TRUE(wants_json({"run", "--bad", "--json"}));
  EXPECT_FALSE(wants_json({"run", "m", "--", "--json"}));
  EXPECT_FALSE(wants_json({}));
}

TEST(Help, ShowsRangesAndDefaults) {
  const std::string text = help_text(kCommand, Settings({}, ""));
  EXPECT_THAT(text, HasSubstr("usage: burin try MODEL [TEXT] [options]"));
  EXPECT_THAT(text, HasSubstr("how many (1 to 10; default 3)"));
  EXPECT_THAT(text, HasSubstr("where (may be repeated)"));
  EXPECT_EQ(describe(kCommand, Settings({}, ""))["options"][0]["max"], 10);
}

}  // namespace
}  // namespace burin::cli
