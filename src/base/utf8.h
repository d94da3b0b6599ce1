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

/** Calls `use(character, bytes)` for every character of `text`. */
template <typename Use>
void for_each_character(std::string_view text, Use&& use) {
  while (!text.empty()) {
    const Character character = first_character(text);
    use(character, text.substr(0, character.length));
    text.remove_prefix(character.length);
  }
}

/** Length of the longest prefix that does not end inside a character; broken bytes count as characters. */
size_t whole_utf8_prefix(std::string_view text);

/** Whether a terminal would act on it: C0 but newline and tab, DEL, C1, bidirectional overrides, a broken byte. */
bool steers_terminal(const Character& character);

enum class LineBreaks { Keep, Escape };

/** What steers a terminal is written as \xNN, byte by byte; with `Escape` newline and tab too. */
std::string escape_controls(std::string_view text, LineBreaks breaks = LineBreaks::Keep);

}  // namespace burin
