// Stop strings across token borders: text that may be the beginning of one is held back, a stop string never shows.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace burin::generate {

/**
 * Searches a text that arrives in pieces. The stop string that is complete first ends the text; of those complete at
 * the same byte the longest is cut off. The pieces that come out do not depend on where the text was split.
 */
class StopStrings {
 public:
  /** Throws: InvalidArgument for an empty stop string. */
  explicit StopStrings(const std::vector<std::string>& stops);

  /** The text that can be shown after `piece`. Nothing more comes out once stopped. */
  std::string feed(std::string_view piece);
  /** What is still held back, at the end of a text without a stop string. */
  std::string flush();
  bool stopped() const { return stopped_; }

 private:
  /** Knuth-Morris-Pratt automaton of one stop string. */
  struct Matcher {
    std::string stop;
    std::vector<size_t> failure;
    size_t matched = 0;
    void step(char byte);
  };

  std::vector<Matcher> matchers_;
  std::string held_;
  bool stopped_ = false;
};

}  // namespace burin::generate
