// An answer on a terminal, as it streams: lines break between words.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace burin::cli {

/**
 * What is shown at once may turn out to be the beginning of a word that runs over the edge: it is taken back then, and
 * stands on the next line. Code (between lines of three backticks) and words longer than a line stay as they are.
 */
class WordWrap {
 public:
  explicit WordWrap(size_t columns) : columns_(columns) {}
  /** What to print for the answer's next `text`, which is whole characters without control bytes. */
  std::string add(std::string_view text);

 private:
  void add_character(std::string_view bytes, char32_t code, std::string& out);
  bool is_full(size_t width) const;
  std::string next_line();
  void add_to_word(std::string_view bytes, size_t width, bool ends);
  void start_line();

  size_t columns_;
  size_t column_ = 0;  // cells used in this line
  std::string word_;   // printed since the last blank
  size_t word_cells_ = 0;
  bool too_long_ = false;   // the word is longer than a line: the terminal breaks it
  std::string line_start_;  // of the answer's own line, up to three characters
  bool in_code_ = false;
};

/** Cells of a terminal that a character takes: 0, 1 or 2. */
size_t cells(char32_t code);

}  // namespace burin::cli
