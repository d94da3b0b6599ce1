#include "base/utf8.h"

#include <algorithm>
#include <array>
#include <cstdint>

namespace burin {
namespace {

/** What may follow a lead byte: how many bytes, and the range of the first of them. */
struct LeadRule {
  uint8_t first;
  uint8_t last;
  int length;
  uint8_t low;
  uint8_t high;
};
// The ranges shut out overlong forms, surrogates and what lies beyond U+10FFFF.
constexpr std::array<LeadRule, 9> kLeads{{{0x00, 0x7F, 1, 0, 0},
                                          {0xC2, 0xDF, 2, 0x80, 0xBF},
                                          {0xE0, 0xE0, 3, 0xA0, 0xBF},
                                          {0xE1, 0xEC, 3, 0x80, 0xBF},
                                          {0xED, 0xED, 3, 0x80, 0x9F},
                                          {0xEE, 0xEF, 3, 0x80, 0xBF},
                                          {0xF0, 0xF0, 4, 0x90, 0xBF},
                                          {0xF1, 0xF3, 4, 0x80, 0xBF},
                                          {0xF4, 0xF4, 4, 0x80, 0x8F}}};

/** Length of the well-formed character at `text[at]`; 0 if broken, -1 if it is cut off by the end. */
int character_length(std::string_view text, size_t at) {
  const auto lead = static_cast<uint8_t>(text[at]);
  const auto* rule = std::ranges::find_if(kLeads, [&](const LeadRule& r) { return lead >= r.first && lead <= r.last; });
  if (rule == kLeads.end()) {
    return 0;
  }
  uint8_t low = rule->low;
  uint8_t high = rule->high;
  for (int i = 1; i < rule->length; ++i) {
    const size_t next = at + static_cast<size_t>(i);
    if (next >= text.size()) {
      return -1;
    }
    const auto byte = static_cast<uint8_t>(text[next]);
    if (byte < low || byte > high) {
      return 0;
    }
    low = 0x80;
    high = 0xBF;
  }
  return rule->length;
}

/** The bits of a well-formed character of `length` bytes. */
char32_t code_of(std::string_view text, int length) {
  const auto lead = static_cast<uint8_t>(text[0]);
  char32_t code = length == 1 ? lead : lead & (0xFFU >> (length + 1));
  for (int i = 1; i < length; ++i) {
    code = code << 6 | (static_cast<uint8_t>(text[static_cast<size_t>(i)]) & 0x3FU);
  }
  return code;
}

void append_hex(std::string& out, uint8_t byte) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  out += "\\x";
  out += kDigits[byte >> 4];
  out += kDigits[byte & 15];
}

}  // namespace

Character first_character(std::string_view text) {
  const int length = character_length(text, 0);
  return length > 0 ? Character{.length = static_cast<size_t>(length), .code = code_of(text, length), .valid = true}
                    : Character{};
}

bool is_valid_utf8(std::string_view text) {
  for (size_t at = 0; at < text.size();) {
    const int length = character_length(text, at);
    if (length <= 0) {
      return false;
    }
    at += static_cast<size_t>(length);
  }
  return true;
}

size_t whole_utf8_prefix(std::string_view text) {
  // Only the last three bytes can belong to an unfinished character.
  for (size_t back = 1; back <= std::min<size_t>(3, text.size()); ++back) {
    const size_t at = text.size() - back;
    if (character_length(text, at) == -1) {
      return at;
    }
  }
  return text.size();
}

bool steers_terminal(const Character& character) {
  const char32_t c = character.code;
  const bool control = (c < 0x20 && c != '\n' && c != '\t') || (c >= 0x7F && c < 0xA0);
  const bool direction = (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069);
  return !character.valid || control || direction;
}

std::string escape_controls(std::string_view text, LineBreaks breaks) {
  std::string out;
  for_each_character(text, [&](const Character& character, std::string_view bytes) {
    const bool breaks_line = character.code == '\n' || character.code == '\t';
    if (steers_terminal(character) || (breaks_line && breaks == LineBreaks::Escape)) {
      std::ranges::for_each(bytes, [&out](char byte) { append_hex(out, static_cast<uint8_t>(byte)); });
    } else {
      out += bytes;
    }
  });
  return out;
}

}  // namespace burin
