#include "base/utf8.h"

#include <algorithm>
#include <cstdint>

namespace burin {
namespace {

/** Length of the well-formed character at `text[at]`; 0 if broken, -1 if it is cut off by the end. */
int character_length(std::string_view text, size_t at) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[at + i]); };
  const uint8_t lead = byte(0);
  if (lead < 0x80) {
    return 1;
  }
  const int length = lead >= 0xC2 && lead <= 0xDF   ? 2
                     : lead >= 0xE0 && lead <= 0xEF ? 3
                     : lead >= 0xF0 && lead <= 0xF4 ? 4
                                                    : 0;
  for (int i = 1; i < length; ++i) {
    if (at + static_cast<size_t>(i) >= text.size()) {
      return -1;
    }
    uint8_t low = 0x80;
    uint8_t high = 0xBF;
    if (i == 1) {
      low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : low;
      high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : high;
    }
    if (byte(static_cast<size_t>(i)) < low || byte(static_cast<size_t>(i)) > high) {
      return 0;
    }
  }
  return length;
}

void append_hex(std::string& out, uint8_t byte) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  out += "\\x";
  out += kDigits[byte >> 4];
  out += kDigits[byte & 15];
}

}  // namespace

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

std::string escape_control(std::string_view text, bool keep_newlines) {
  std::string out;
  for (size_t at = 0; at < text.size(); ++at) {
    const auto byte = static_cast<uint8_t>(text[at]);
    const bool c1 = byte == 0xC2 && at + 1 < text.size() && static_cast<uint8_t>(text[at + 1]) < 0xA0;
    if (keep_newlines && (byte == '\n' || byte == '\t')) {
      out += text[at];
    } else if (c1) {
      append_hex(out, static_cast<uint8_t>(text[++at]));
    } else if (byte < 0x20 || byte == 0x7F) {
      append_hex(out, byte);
    } else {
      out += text[at];
    }
  }
  return out;
}

}  // namespace burin
