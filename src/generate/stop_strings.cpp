#include "generate/stop_strings.h"

#include <algorithm>
#include <utility>

#include "base/error.h"

namespace burin::generate {
namespace {

/** Length of the longest proper border of every prefix. */
std::vector<size_t> failure_table(std::string_view pattern) {
  std::vector<size_t> failure(pattern.size(), 0);
  for (size_t i = 1; i < pattern.size(); ++i) {
    size_t length = failure[i - 1];
    while (length > 0 && pattern[i] != pattern[length]) {
      length = failure[length - 1];
    }
    failure[i] = pattern[i] == pattern[length] ? length + 1 : 0;
  }
  return failure;
}

}  // namespace

StopStrings::StopStrings(const std::vector<std::string>& stops) {
  for (const std::string& stop : stops) {
    if (stop.empty()) {
      throw Error(ErrorCode::InvalidArgument, "generate", "stop must not contain an empty string")
          .fact("param", "stop");
    }
    matchers_.push_back({.stop = stop, .failure = failure_table(stop)});
  }
}

void StopStrings::Matcher::step(char byte) {
  while (matched > 0 && (matched == stop.size() || stop[matched] != byte)) {
    matched = failure[matched - 1];
  }
  matched += stop[matched] == byte ? 1 : 0;
}

std::string StopStrings::feed(std::string_view piece) {
  if (stopped_) {
    return {};
  }
  if (matchers_.empty()) {
    return std::string(piece);
  }
  std::string out = std::exchange(held_, {});
  size_t open = 0;
  for (const char byte : piece) {
    out.push_back(byte);
    open = 0;
    size_t complete = 0;
    for (Matcher& matcher : matchers_) {
      matcher.step(byte);
      open = std::max(open, matcher.matched);
      complete = std::max(complete, matcher.matched == matcher.stop.size() ? matcher.matched : 0);
    }
    if (complete > 0) {
      stopped_ = true;
      out.erase(out.size() - complete);
      return out;
    }
  }
  if (piece.empty()) {
    held_ = std::move(out);
    return {};
  }
  held_ = out.substr(out.size() - open);
  out.erase(out.size() - open);
  return out;
}

std::string StopStrings::flush() {
  for (Matcher& matcher : matchers_) {
    matcher.matched = 0;
  }
  return std::exchange(held_, {});
}

}  // namespace burin::generate
