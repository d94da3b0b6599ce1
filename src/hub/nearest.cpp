#include "hub/nearest.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace burin::hub {
namespace {

constexpr size_t kMaxLength = 200;  // longer words have no near name worth the square of their length

/** Levenshtein distance. */
size_t edits_between(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i);
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row.back();
}

}  // namespace

std::string lower_ascii(std::string_view text) {
  std::string lowered(text);
  for (char& c : lowered) {
    c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return lowered;
}

std::vector<std::string> nearest_names(std::string_view word, const std::vector<std::string>& names, size_t count) {
  std::vector<std::pair<size_t, std::string>> found;
  const std::string wanted = lower_ascii(word.substr(0, kMaxLength));
  for (const std::string& name : names) {
    const std::string known = lower_ascii(std::string_view(name).substr(0, kMaxLength));
    const std::string_view last = std::string_view(known).substr(known.rfind('/') + 1);
    const bool begins = wanted.size() > 2 && (known.starts_with(wanted) || last.starts_with(wanted));
    const size_t edits = begins ? 1 : std::min(edits_between(wanted, known), edits_between(wanted, last));
    if (edits <= 1 + wanted.size() / 3) {
      found.emplace_back(edits, name);
    }
  }
  std::ranges::sort(found);
  std::vector<std::string> result;
  for (size_t i = 0; i < std::min(count, found.size()); ++i) {
    result.push_back(found[i].second);
  }
  return result;
}

}  // namespace burin::hub
