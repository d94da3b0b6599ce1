#include "hub/http_headers.h"

#include <algorithm>
#include <charconv>
#include <ranges>

namespace burin::hub {
namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool same_name(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, {}, lower, lower);
}

std::string_view trim(std::string_view text) {
  constexpr std::string_view kBlanks = " \t";
  const size_t first = text.find_first_not_of(kBlanks);
  return first == text.npos ? std::string_view() : text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

/** Whether the parameters of one link hold rel=next, quoted or not. */
bool is_next(std::string_view parameters) {
  while (!parameters.empty()) {
    const std::string_view parameter = trim(parameters.substr(0, parameters.find(';')));
    const size_t equals = parameter.find('=');
    if (equals != parameter.npos && same_name(trim(parameter.substr(0, equals)), "rel")) {
      std::string_view value = trim(parameter.substr(equals + 1));
      if (value.size() >= 2 && value.front() == '"' && value.back() == '"') {
        value = value.substr(1, value.size() - 2);
      }
      return same_name(value, "next");
    }
    const size_t semicolon = parameters.find(';');
    parameters = semicolon == parameters.npos ? std::string_view() : parameters.substr(semicolon + 1);
  }
  return false;
}

}  // namespace

void HttpHeaders::add(std::string_view name, std::string_view value) {
  fields_.emplace_back(name, trim(value));
}

std::string HttpHeaders::get(std::string_view name) const {
  for (const auto& [field, value] : fields_ | std::views::reverse) {
    if (same_name(field, name)) {
      return value;
    }
  }
  return "";
}

bool HttpHeaders::has(std::string_view name) const {
  return std::ranges::any_of(fields_, [&](const auto& field) { return same_name(field.first, name); });
}

std::string next_link(std::string_view link) {
  while (true) {
    const size_t open = link.find('<');
    const size_t close = link.find('>', open == link.npos ? 0 : open);
    if (open == link.npos || close == link.npos) {
      return "";
    }
    const std::string_view target = link.substr(open + 1, close - open - 1);
    link.remove_prefix(close + 1);
    const size_t end = std::min(link.find(','), link.size());
    if (is_next(link.substr(0, end))) {
      return std::string(target);
    }
    link.remove_prefix(end);
  }
}

std::string normalize_etag(std::string_view etag) {
  etag = trim(etag);
  if (etag.starts_with("W/")) {
    etag.remove_prefix(2);
  }
  if (etag.size() >= 2 && etag.front() == '"' && etag.back() == '"') {
    etag = etag.substr(1, etag.size() - 2);
  }
  return std::string(etag);
}

std::optional<uint64_t> parse_count(std::string_view text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = !text.empty() && error == std::errc() && end == text.data() + text.size();
  return whole ? std::optional(value) : std::nullopt;
}

std::optional<ContentRange> parse_content_range(std::string_view text) {
  constexpr std::string_view kUnit = "bytes ";
  const size_t dash = text.find('-');
  const size_t slash = text.find('/');
  if (!text.starts_with(kUnit) || dash == text.npos || slash == text.npos || dash > slash) {
    return std::nullopt;
  }
  const auto first = parse_count(text.substr(kUnit.size(), dash - kUnit.size()));
  const auto last = parse_count(text.substr(dash + 1, slash - dash - 1));
  const auto total = parse_count(text.substr(slash + 1));
  if (!first || !last || !total || *first > *last || *last >= *total) {
    return std::nullopt;
  }
  return ContentRange{.first = *first, .last = *last, .total = *total};
}

}  // namespace burin::hub
