#include "hub/patterns.h"

#include <algorithm>

#include "base/utf8.h"

namespace burin::hub {
namespace {

/** Characters, as `?` counts them; bytes where the text is no UTF-8. */
std::u32string characters(std::string_view text) {
  std::u32string result;
  const bool bytes = !is_valid_utf8(text);
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (!bytes && (byte & 0xC0U) == 0x80) {
      result.back() = (result.back() << 6U) | (byte & 0x3FU);
    } else if (bytes || byte < 0x80) {
      result += byte;
    } else {
      result += byte & (byte >= 0xF0 ? 0x07U : byte >= 0xE0 ? 0x0FU : 0x1FU);
    }
  }
  return result;
}

/** Position after the `]` of the set whose `[` lies before `begin`; npos when it is not closed. */
size_t end_of_set(std::u32string_view pattern, size_t begin) {
  size_t at = begin;
  at += at < pattern.size() && pattern[at] == U'!' ? 1 : 0;
  at += at < pattern.size() && pattern[at] == U']' ? 1 : 0;
  const size_t close = pattern.find(U']', at);
  return close == pattern.npos ? close : close + 1;
}

/** Whether `c` is in the set: what stands between the brackets. */
bool is_in_set(char32_t c, std::u32string_view set) {
  const bool negated = set.starts_with(U'!');
  set.remove_prefix(negated ? 1 : 0);
  bool found = false;
  while (!set.empty()) {
    const bool range = set.size() > 2 && set[1] == U'-';
    found = found || (range ? set[0] <= c && c <= set[2] : set[0] == c);
    set.remove_prefix(range ? 3 : 1);
  }
  return found != negated;
}

/** Matches one character against the item at `at`, which moves behind it when it does. */
bool matches_item(char32_t c, std::u32string_view pattern, size_t& at) {
  const char32_t item = pattern[at];
  if (item == U'[') {
    if (const size_t end = end_of_set(pattern, at + 1); end != pattern.npos) {
      const bool inside = is_in_set(c, pattern.substr(at + 1, end - at - 2));
      at = inside ? end : at;
      return inside;
    }
  }
  const bool matches = item == U'?' || item == c;
  at += matches ? 1 : 0;
  return matches;
}

std::string with_slashes(std::string_view text) {
  std::string result(text);
  std::ranges::replace(result, '\\', '/');
  return result;
}

bool matches_any(const std::string& name, const std::vector<std::string>& patterns) {
  return std::ranges::any_of(patterns, [&](const std::string& given) {
    std::string pattern = with_slashes(given);
    pattern += pattern.ends_with('/') ? "*" : "";
    return matches_pattern(name, pattern);
  });
}

}  // namespace

bool matches_pattern(std::string_view name, std::string_view pattern) {
  const std::u32string text = characters(name);
  const std::u32string items = characters(pattern);
  size_t at = 0;
  size_t item = 0;
  size_t star = items.npos;  // the item after the last star, and where its text may begin
  size_t star_at = 0;
  while (at < text.size()) {
    if (item < items.size() && items[item] == U'*') {
      star = ++item;
      star_at = at;
    } else if (item < items.size() && matches_item(text[at], items, item)) {
      ++at;
    } else if (star != items.npos) {
      item = star;
      at = ++star_at;
    } else {
      return false;
    }
  }
  return items.find_first_not_of(U'*', item) == items.npos;
}

bool is_selected(std::string_view name, const std::vector<std::string>& include,
                 const std::vector<std::string>& exclude) {
  const std::string path = with_slashes(name);
  return (include.empty() || matches_any(path, include)) && !matches_any(path, exclude);
}

std::string literal_pattern(std::string_view name) {
  std::string pattern;
  for (const char c : name) {
    const bool special = c == '*' || c == '?' || c == '[';
    pattern += special ? std::string{'[', c, ']'} : std::string(1, c);
  }
  return pattern;
}

}  // namespace burin::hub
