// UTF-8 as a stream of bytes from outside: is it valid, where does a whole character end.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace burin {

/** Whether `text` is well-formed UTF-8 (no overlong forms, no surrogates). */
bool is_valid_utf8(std::string_view text);

/** A character at the front of a text; a broken byte is one without a code. */
struct Character {
  size_t length = 1;  // bytes
  char32_t code = 0;
  bool valid = false;
};

/** The first character of `text`, which is not empty. One that the end cuts off is broken. */
Character first_character(std::string_view text);

/** Length of the longest prefix that does not end inside a character; broken bytes count as characters. */
size_t whole_utf8_prefix(std::string_view text);

/** Control bytes (C0, C1, DEL) as \xNN, so that text from outside cannot steer a terminal; newline and tab stay if
 * asked. */
std::string escape_control(std::string_view text, bool keep_newlines);

}  // namespace burin
