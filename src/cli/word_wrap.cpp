#include "cli/word_wrap.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/utf8.h"

namespace burin::cli {
namespace {

struct Range {
  char32_t first;
  char32_t last;
};

constexpr std::string_view kFence = "```";
constexpr size_t kTab = 8;
constexpr size_t kNarrowest = 12;  // columns; below this nearly every word would be broken

// What stands above, below or around the character before it, and what is not seen at all.
constexpr std::array<Range, 9> kNoCell{{{0x0300, 0x036F},
                                        {0x0483, 0x0489},
                                        {0x0591, 0x05BD},
                                        {0x0610, 0x061A},
                                        {0x064B, 0x065F},
                                        {0x200B, 0x200F},
                                        {0x20D0, 0x20FF},
                                        {0xFE00, 0xFE0F},
                                        {0xE0100, 0xE01EF}}};
// East Asian wide and fullwidth characters, and emoji.
constexpr std::array<Range, 11> kTwoCells{{{0x1100, 0x115F},
                                           {0x2E80, 0x303E},
                                           {0x3041, 0xA4CF},
                                           {0xA960, 0xA97F},
                                           {0xAC00, 0xD7A3},
                                           {0xF900, 0xFAFF},
                                           {0xFE30, 0xFE6F},
                                           {0xFF00, 0xFF60},
                                           {0xFFE0, 0xFFE6},
                                           {0x1F300, 0x1FAFF},
                                           {0x20000, 0x3FFFD}}};

template <size_t size>
bool is_in(const std::array<Range, size>& ranges, char32_t code) {
  return std::ranges::any_of(ranges, [code](const Range& r) { return code >= r.first && code <= r.last; });
}

}  // namespace

size_t cells(char32_t code) {
  if (is_in(kNoCell, code)) {
    return 0;
  }
  return is_in(kTwoCells, code) ? 2 : 1;
}

std::string WordWrap::add(std::string_view text) {
  std::string out;
  for_each_character(
      text, [&](const Character& character, std::string_view bytes) { add_character(bytes, character.code, out); });
  return out;
}

void WordWrap::add_character(std::string_view bytes, char32_t code, std::string& out) {
  if (code == '\n') {
    out += bytes;
    in_code_ = in_code_ != (line_start_ == kFence);
    line_start_.clear();
    start_line();
    return;
  }
  if (line_start_.size() < kFence.size()) {
    line_start_ += bytes;
  }
  const bool blank = code == ' ' || code == '\t';
  const size_t width = code == '\t' ? kTab - column_ % kTab : cells(code);
  const bool full = is_full(width);
  if (full && blank) {
    out += "\n";
    start_line();
    return;
  }
  out += full ? next_line() : "";
  out += bytes;
  column_ = column_ + width > columns_ ? width : column_ + width;
  add_to_word(bytes, width, /* ends = */ blank || width == 2);  // wide characters are words of their own
}

/** The last column stays free: behind it, a cursor moves back otherwise. */
bool WordWrap::is_full(size_t width) const {
  return column_ + width >= columns_ && columns_ >= kNarrowest && !too_long_ && !in_code_ && line_start_ != kFence;
}

/** Takes the newest word, as far as it is there, along to the next line, unless it has all of this one. */
std::string WordWrap::next_line() {
  too_long_ = word_cells_ == column_;
  if (too_long_) {
    return "";
  }
  column_ = word_cells_;
  return word_cells_ == 0 ? "\n" : fmt::format("\x1b[{}D\x1b[K\n{}", word_cells_, word_);
}

void WordWrap::add_to_word(std::string_view bytes, size_t width, bool ends) {
  too_long_ = too_long_ && !ends;
  if (ends || too_long_) {
    word_.clear();
    word_cells_ = 0;
    return;
  }
  word_ += bytes;
  word_cells_ += width;
}

void WordWrap::start_line() {
  column_ = word_cells_ = 0;
  word_.clear();
  too_long_ = false;
}

}  // namespace burin::cli
