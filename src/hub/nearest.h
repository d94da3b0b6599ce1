// "Did you mean": the known names closest to a mistyped one.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace burin::hub {

/** Up to `count` of `names` within about a third of the word's length in edits, nearest first; case is ignored. */
std::vector<std::string> nearest_names(std::string_view word, const std::vector<std::string>& names, size_t count);

/** ASCII letters lowered; other bytes stay. */
std::string lower_ascii(std::string_view text);

}  // namespace burin::hub
