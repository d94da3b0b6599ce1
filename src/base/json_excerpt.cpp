#include "base/json_excerpt.h"

#include <algorithm>
#include <vector>

namespace burin {
namespace {

/** Below this, parse_json finds no object too large and no number that is none in a double. */
constexpr size_t kMaxKeys = 4096;
constexpr ptrdiff_t kMaxNumber = 32;
constexpr int kMaxExponentDigits = 2;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/** Steps over values from left to right; false where the text is not plain JSON, after which nothing is asked. */
class Walker {
 public:
  Walker(std::string_view text, int max_depth)
      : at_(text.data()), end_(text.data() + text.size()), max_depth_(max_depth) {}

  /** Over an object; `on_member` gets each key and the text of its value. */
  template <typename OnMember>
  bool members(int depth, const OnMember& on_member) {
    if (depth >= max_depth_ || !take('{')) {
      return false;
    }
    if (take_after_blanks('}')) {
      return true;
    }
    const size_t first_key = keys_.size();
    do {
      skip_blanks();
      const char* key = at_;
      if (!string(false)) {
        return false;
      }
      keys_.emplace_back(key + 1, static_cast<size_t>(at_ - key - 2));
      if (!take_after_blanks(':')) {
        return false;
      }
      skip_blanks();
      const std::string_view name = keys_.back();  // an object in the value makes keys_ grow and shrink
      const char* begin = at_;
      if (!value(depth)) {
        return false;
      }
      on_member(name, std::string_view(begin, static_cast<size_t>(at_ - begin)));
    } while (take_after_blanks(','));
    return take('}') && forget_keys(first_key);
  }

  void skip_blanks() {
    while (at_ != end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\t' || *at_ == '\r')) {
      ++at_;
    }
  }

  bool is_at_end() const { return at_ == end_; }

 private:
  bool take(char c) {
    const bool found = at_ != end_ && *at_ == c;
    at_ += found ? 1 : 0;
    return found;
  }

  bool take_after_blanks(char c) {
    skip_blanks();
    return take(c);
  }

  /** No key twice. */
  bool forget_keys(size_t first) {
    const auto keys = std::span(keys_).subspan(first);
    if (keys.size() > kMaxKeys) {
      return false;
    }
    std::ranges::sort(keys);
    const bool distinct = std::ranges::adjacent_find(keys) == keys.end();
    keys_.resize(first);
    return distinct;
  }

  bool value(int depth) {
    if (at_ == end_) {
      return false;
    }
    switch (*at_) {
      case '{':
        return members(depth + 1, [](std::string_view, std::string_view) {});
      case '[':
        return elements(depth + 1);
      case '"':
        return string(true);
      case 't':
        return word("true");
      case 'f':
        return word("false");
      case 'n':
        return word("null");
      default:
        return number();
    }
  }

  bool elements(int depth) {
    if (depth >= max_depth_ || !take('[')) {
      return false;
    }
    if (take_after_blanks(']')) {
      return true;
    }
    do {
      skip_blanks();
      if (!value(depth)) {
        return false;
      }
    } while (take_after_blanks(','));
    return take(']');
  }

  bool string(bool with_escapes) {
    if (!take('"')) {
      return false;
    }
    for (; at_ != end_; ++at_) {
      if (*at_ == '"') {
        ++at_;
        return true;
      }
      if (*at_ == '\\') {
        constexpr std::string_view kEscapes = "\"\\/bfnrt";
        ++at_;
        if (!with_escapes || at_ == end_ || kEscapes.find(*at_) == kEscapes.npos) {
          return false;
        }
      } else if (static_cast<signed char>(*at_) < 0x20) {  // the bytes beyond ASCII too
        return false;
      }
    }
    return false;
  }

  bool word(std::string_view word) {
    const bool found = std::string_view(at_, static_cast<size_t>(end_ - at_)).starts_with(word);
    at_ += found ? word.size() : 0;
    return found;
  }

  /** How many digits stand here. */
  ptrdiff_t digits() {
    const char* begin = at_;
    while (at_ != end_ && is_digit(*at_)) {
      ++at_;
    }
    return at_ - begin;
  }

  bool number() {
    const char* begin = at_;
    take('-');
    const bool zero = at_ != end_ && *at_ == '0';
    const ptrdiff_t whole = digits();
    if (whole == 0 || (zero && whole > 1) || (take('.') && digits() == 0)) {
      return false;
    }
    if (take('e') || take('E')) {
      if (!take('-')) {
        take('+');
      }
      if (const ptrdiff_t exponent = digits(); exponent == 0 || exponent > kMaxExponentDigits) {
        return false;
      }
    }
    return at_ - begin <= kMaxNumber;
  }

  const char* at_;
  const char* end_;
  int max_depth_;
  std::vector<std::string_view> keys_;  // of the objects around, the innermost last
};

}  // namespace

std::optional<std::string> excerpt_members(std::string_view text, std::span<const std::string_view> wanted,
                                           const JsonLimits& limits) {
  if (text.size() > limits.max_bytes) {
    return std::nullopt;
  }
  Walker walker(text, limits.max_depth);
  std::string excerpt;
  bool empty = true;
  walker.skip_blanks();
  const bool plain = walker.members(0, [&](std::string_view key, std::string_view value) {
    empty = false;
    if (std::ranges::find(wanted, key) != wanted.end()) {
      excerpt += excerpt.empty() ? "{\"" : ",\"";
      excerpt.append(key).append("\":").append(value);
    }
  });
  walker.skip_blanks();
  if (!plain || empty || !walker.is_at_end()) {
    return std::nullopt;
  }
  return excerpt.empty() ? "{}" : excerpt + "}";
}

}  // namespace burin
