#include "cli/output.h"

#include <gtest/gtest.h>

namespace burin::cli {
namespace {

TEST(Controls, AreMadeVisible) {
  EXPECT_EQ(escape_controls("a\x1b[31mb\rc\x7f"), "a\\x1b[31mb\\x0dc\\x7f");
  EXPECT_EQ(escape_controls("tab\tline\n"), "tab\tline\n");
  EXPECT_EQ(escape_controls("\xc2\x9b"
                            "31m"),
            "\\xc2\\x9b31m");
  EXPECT_EQ(escape_controls("a\xe2\x80\xae"
                            "b"),
            "a\\xe2\\x80\\xaeb");
  EXPECT_EQ(escape_controls("a\x9b"
                            "b\xff"),
            "a\\x9bb\\xff");
  EXPECT_EQ(escape_controls(std::string("a\0b", 3)), "a\\x00b");
}

TEST(Controls, AreLeftOutOfAnswers) {
  EXPECT_EQ(strip_controls("a\x1b]0;title\x07"
                           "b\bc\n"),
            "a]0;titlebc\n");
}

TEST(Controls, LeaveOtherTextAlone) {
  const std::string text = "é 東京 🎭 \xe2\x80\x8d";
  EXPECT_EQ(escape_controls(text), text);
  EXPECT_EQ(strip_controls(text), text);
}

TEST(Controls, CountCutCharactersAsBytes) {
  EXPECT_EQ(escape_controls("\xf0\x9f"), "\\xf0\\x9f");
  EXPECT_EQ(escape_controls("\xe2\x80"), "\\xe2\\x80");
  EXPECT_EQ(escape_controls("\xc2"), "\\xc2");
}

}  // namespace
}  // namespace burin::cli
