#include "cli/word_wrap.h"

#include <vector>

#include <gtest/gtest.h>

#include "base/utf8.h"

namespace burin::cli {
namespace {

/** A terminal that knows what WordWrap sends: its lines. */
std::vector<std::string> screen(const std::string& sent, size_t columns) {
  std::vector<std::u32string> lines(1);
  std::string_view rest = sent;
  while (!rest.empty()) {
    if (rest.starts_with("\x1b[")) {
      const size_t end = rest.find_first_of("DK");
      if (rest[end] == 'D') {
        lines.back().resize(lines.back().size() - std::stoul(std::string(rest.substr(2, end - 2))));
      }
      rest.remove_prefix(end + 1);
      continue;
    }
    const Character c = first_character(rest);
    if (c.code == '\n') {
      lines.emplace_back();
    } else if (cells(c.code) > 0) {
      if (lines.back().size() == columns) {
        lines.emplace_back();
      }
      lines.back() += c.code;
    }
    rest.remove_prefix(c.length);
  }
  std::vector<std::string> texts;
  for (const std::u32string& line : lines) {
    std::string text;
    for (const char32_t c : line) {
      text += c < 0x80 ? static_cast<char>(c) : '#';
    }
    texts.push_back(text);
  }
  return texts;
}

using Lines = std::vector<std::string>;

/** `text` character by character, and all at once. */
Lines wrapped(const std::string& text, size_t columns) {
  WordWrap whole(columns);
  const Lines at_once = screen(whole.add(text), columns);
  WordWrap pieces(columns);
  std::string sent;
  for (std::string_view rest = text; !rest.empty();) {
    const size_t length = first_character(rest).length;
    sent += pieces.add(rest.substr(0, length));
    rest.remove_prefix(length);
  }
  EXPECT_EQ(screen(sent, columns), at_once);
  return at_once;
}

TEST(WordWrap, BreaksBetweenWords) {
  EXPECT_EQ(wrapped("the longest river of the world", 20), (Lines{"the longest river ", "of the world"}));
  EXPECT_EQ(wrapped("one two", 20), (Lines{"one two"}));
}

TEST(WordWrap, ABlankAtTheEdgeIsTheBreak) {
  EXPECT_EQ(wrapped("1234567890123456789 next", 20), (Lines{"1234567890123456789", "next"}));
  EXPECT_EQ(wrapped("12345 7890123456789 next", 20), (Lines{"12345 7890123456789", "next"}));
}

TEST(WordWrap, LinesOfTheAnswerStay) {
  EXPECT_EQ(wrapped("- one\n- two\n\nthree\n", 20), (Lines{"- one", "- two", "", "three", ""}));
}

TEST(WordWrap, AWordLongerThanALineIsTheTerminalsToBreak) {
  EXPECT_EQ(wrapped("see https://example.org/a/long/path it", 20),
            (Lines{"see ", "https://example.org/", "a/long/path it"}));
  EXPECT_EQ(wrapped(std::string(45, 'x') + " y", 20), (Lines{std::string(20, 'x'), std::string(20, 'x'), "xxxxx y"}));
}

TEST(WordWrap, CodeIsLeftAlone) {
  const std::string code = "```c\nint a = 1; int b = 2; int c = 3;\n```\n";
  WordWrap wrap(20);
  EXPECT_EQ(wrap.add(code), code);
  EXPECT_EQ(screen(wrap.add("and words that are broken again"), 20), (Lines{"and words that are ", "broken again"}));
}

TEST(WordWrap, WideCharactersBreakAnywhereAndAccentsTakeNoCell) {
  EXPECT_EQ(cells(U'\u6771'), 2U);
  EXPECT_EQ(cells(U'\u0301'), 0U);
  EXPECT_EQ(cells(U'\u00e9'), 1U);
  std::string wide;
  for (int i = 0; i < 12; ++i) {
    wide += "\u6771";
  }
  EXPECT_EQ(wrapped(wide, 20), (Lines{std::string(9, '#'), "###"}));
  EXPECT_EQ(wrapped("e\u0301e\u0301 aaaaaaaaaaaaaaa bb", 20), (Lines{"ee aaaaaaaaaaaaaaa ", "bb"}));
}

TEST(WordWrap, TooNarrowAWindowIsLeftAlone) {
  WordWrap wrap(8);
  EXPECT_EQ(wrap.add("some words that are wide"), "some words that are wide");
}

}  // namespace
}  // namespace burin::cli
