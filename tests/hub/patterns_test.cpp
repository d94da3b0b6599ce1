#include "hub/patterns.h"

#include <string>

#include <gtest/gtest.h>

namespace burin::hub {
namespace {

// Every line was checked with Python's fnmatch.fnmatchcase.
TEST(Pattern, MatchesAsFnmatch) {
  struct Case {
    const char* name;
    const char* pattern;
    bool matches;
  };
  for (const Case& c : {Case{"a.json", "*.json", true},
                        {"sub/a.json", "*.json", true},
                        {"a.JSON", "*.json", false},
                        {"a", "a*", true},
                        {"", "*", true},
                        {"", "", true},
                        {"a", "", false},
                        {"abc", "a?c", true},
                        {"a/c", "a?c", true},
                        {"ac", "a?c", false},
                        {"é", "?", true},
                        {"b", "[a-c]", true},
                        {"d", "[!a-c]", true},
                        {"b", "[!a-c]", false},
                        {"-", "[a-]", true},
                        {"]", "[]]", true},
                        {"]", "[!]]", false},
                        {"[", "[", true},
                        {"[a", "[a", true},
                        {"b", "[c-a]", false},
                        {"!", "[!]", false},
                        {"[!]", "[!]", true},
                        {"^", "[^a]", true},
                        {"b", "[^a]", false},
                        {"xaybz", "*a*b*", true},
                        {"xbya", "*a*b*", false},
                        {"aaa", "a*a", true},
                        {"a\nb", "a*b", true},
                        {"a-c", "a[a-c-e]c", true},
                        {"aec", "a[a-c-e]c", true},
                        {"adc", "a[a-c-e]c", false}}) {
    EXPECT_EQ(matches_pattern(c.name, c.pattern), c.matches) << c.name << " " << c.pattern;
  }
}

TEST(Pattern, TakesNoTimeForManyStars) {
  std::string pattern;
  for (int i = 0; i < 200; ++i) {
    pattern += "*a";
  }
  EXPECT_FALSE(matches_pattern(std::string(2000, 'a') + "b", pattern + "c"));
}

TEST(Selection, ExcludesAfterItIncludes) {
  EXPECT_TRUE(is_selected("a.json", {}, {}));
  EXPECT_TRUE(is_selected("a.json", {"*.txt", "*.json"}, {"b*"}));
  EXPECT_FALSE(is_selected("b.json", {"*.json"}, {"b*"}));
  EXPECT_FALSE(is_selected("a.bin", {"*.json"}, {}));
}

TEST(Selection, KnowsFoldersAndBackslashes) {
  EXPECT_TRUE(is_selected("sub/dir/x", {"sub/"}, {}));
  EXPECT_TRUE(is_selected("sub/dir/x", {"sub\\dir\\*"}, {}));
  EXPECT_FALSE(is_selected("sub", {"sub/"}, {}));
  EXPECT_FALSE(is_selected("sub/dir/x", {}, {"sub/"}));
}

TEST(Patterns, ALiteralOneMatchesItsNameAlone) {
  for (const std::string name : {"a*b", "what?.json", "[x]", "plain/name.txt"}) {
    EXPECT_TRUE(matches_pattern(name, literal_pattern(name))) << name;
    EXPECT_FALSE(matches_pattern("axb", literal_pattern(name))) << name;
    EXPECT_FALSE(matches_pattern("x", literal_pattern(name))) << name;
  }
}

}  // namespace
}  // namespace burin::hub
