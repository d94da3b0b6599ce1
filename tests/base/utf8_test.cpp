#include "base/utf8.h"

#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace burin {
namespace {

TEST(Utf8, KnowsWhatIsWellFormed) {
  EXPECT_TRUE(is_valid_utf8("plain \xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80"));
  for (const char* bad :
       {"\x80", "\xC0\xAF", "\xC3", "\xE0\x80\x80", "\xED\xA0\x80", "\xF5\x80\x80\x80", "\xF4\x90\x80\x80"}) {
    EXPECT_FALSE(is_valid_utf8(bad)) << bad;
  }
}

TEST(Utf8, HoldsBackOnlyAnUnfinishedCharacter) {
  EXPECT_EQ(whole_utf8_prefix("ab\xF0\x9F\x98"), 2U);
  EXPECT_EQ(whole_utf8_prefix("ab\xE2"), 2U);
  EXPECT_EQ(whole_utf8_prefix("ab\xF0\x9F\x98\x80"), 6U);
  EXPECT_EQ(whole_utf8_prefix("ab\x80"), 3U);
  EXPECT_EQ(whole_utf8_prefix(""), 0U);
}

TEST(Utf8, EscapesWhatSteersATerminal) {
  EXPECT_EQ(escape_controls("a\x1b[2J\x07"), "a\\x1b[2J\\x07");
  EXPECT_EQ(escape_controls("a\n\tb"), "a\n\tb");
  EXPECT_EQ(escape_controls("a\nb", LineBreaks::Escape), "a\\x0ab");
  EXPECT_EQ(escape_controls("\xC2\x9B"
                            "2J \xC3\xA9"),
            "\\xc2\\x9b2J \xC3\xA9");
  EXPECT_EQ(escape_controls("\u202Eabc\xFF"), "\\xe2\\x80\\xaeabc\\xff");
}

TEST(Utf8, FirstCharacterHasItsCodeOrIsOneBrokenByte) {
  const std::vector<std::pair<std::string_view, char32_t>> whole = {
      {"ab", U'a'}, {"\u00e9x", U'\u00e9'}, {"\u6771", U'\u6771'}, {"\U0001F98A.", U'\U0001F98A'}};
  for (const auto& [text, code] : whole) {
    const Character character = first_character(text);
    EXPECT_TRUE(character.valid);
    EXPECT_EQ(character.code, code) << text;
    EXPECT_TRUE(is_valid_utf8(text.substr(0, character.length)));
  }
  for (const std::string_view text : {"\xff", "\xe6\x9d", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80"}) {
    EXPECT_FALSE(first_character(text).valid);
    EXPECT_EQ(first_character(text).length, 1U);
  }
}

}  // namespace
}  // namespace burin
