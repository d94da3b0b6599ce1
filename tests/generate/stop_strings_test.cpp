#include "generate/stop_strings.h"

#include <gtest/gtest.h>

#include <random>

#include "base/error.h"

namespace burin::generate {
namespace {

struct Outcome {
  std::string text;
  bool stopped = false;
  bool operator==(const Outcome&) const = default;
};

Outcome run(const std::vector<std::string>& stops, const std::vector<std::string>& pieces) {
  StopStrings search(stops);
  Outcome outcome;
  for (const std::string& piece : pieces) {
    outcome.text += search.feed(piece);
  }
  outcome.stopped = search.stopped();
  outcome.text += outcome.stopped ? "" : search.flush();
  return outcome;
}

/** The rule itself, on the whole text: first complete stop, longest of those. */
Outcome whole_text_search(const std::vector<std::string>& stops, const std::string& text) {
  for (size_t end = 1; end <= text.size(); ++end) {
    size_t longest = 0;
    for (const std::string& stop : stops) {
      if (text.substr(0, end).ends_with(stop)) {
        longest = std::max(longest, stop.size());
      }
    }
    if (longest > 0) {
      return {text.substr(0, end - longest), true};
    }
  }
  return {text, false};
}

TEST(StopStrings, PassesEverythingWithoutStops) {
  StopStrings search({});
  EXPECT_EQ(search.feed("abc"), "abc");
  EXPECT_EQ(search.flush(), "");
}

TEST(StopStrings, HoldsBackWhatMayBeAStop) {
  StopStrings search({"END"});
  EXPECT_EQ(search.feed("text E"), "text ");
  EXPECT_EQ(search.feed("N"), "");
  EXPECT_EQ(search.feed("O"), "ENO");
  EXPECT_EQ(search.feed("EN"), "");
  EXPECT_EQ(search.flush(), "EN");
}

TEST(StopStrings, EmptyPieceKeepsWhatIsHeld) {
  StopStrings search({"END"});
  EXPECT_EQ(search.feed("E"), "");
  EXPECT_EQ(search.feed(""), "");
  EXPECT_EQ(search.feed("x"), "Ex");
}

TEST(StopStrings, NeverShowsTheStopAcrossPieces) {
  EXPECT_EQ(run({"\n\n"}, {"a", "\n", "\n", "b"}), (Outcome{"a", true}));
  EXPECT_EQ(run({"</s>"}, {"one<", "/s>two"}), (Outcome{"one", true}));
}

TEST(StopStrings, FallsBackInsideARepeatedPrefix) {
  EXPECT_EQ(run({"aab"}, {"a", "a", "a", "b", "c"}), (Outcome{"a", true}));
}

TEST(StopStrings, LongestOfTwoThatEndTogether) {
  EXPECT_EQ(run({"c", "abc"}, {"xab", "c"}), (Outcome{"x", true}));
}

TEST(StopStrings, NothingFollowsAStop) {
  StopStrings search({"."});
  EXPECT_EQ(search.feed("a.b"), "a");
  EXPECT_EQ(search.feed("c"), "");
  EXPECT_EQ(search.flush(), "");
}

TEST(StopStrings, RefusesAnEmptyStop) {
  try {
    StopStrings search({"a", ""});
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::InvalidArgument);
    EXPECT_EQ(e.facts().at("param"), "stop");
  }
}

TEST(StopStrings, AnySplitEqualsTheWholeTextSearch) {
  std::mt19937 random(1);
  const auto word = [&](size_t longest) {
    std::string text;
    for (size_t n = 1 + random() % longest; n > 0; --n) {
      text.push_back(static_cast<char>('a' + random() % 2));
    }
    return text;
  };
  for (int round = 0; round < 5000; ++round) {
    std::vector<std::string> stops;
    for (size_t n = 1 + random() % 3; n > 0; --n) {
      stops.push_back(word(6));
    }
    const std::string text = word(24);
    std::vector<std::string> pieces;
    for (size_t at = 0; at < text.size();) {
      pieces.push_back(text.substr(at, random() % 5));
      at += pieces.back().size();
    }
    ASSERT_EQ(run(stops, pieces), whole_text_search(stops, text)) << text;
  }
}

}  // namespace
}  // namespace burin::generate
