// Header fields of an answer, and the few whose values the hub's client reads. All of them come from the network.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace burin::hub {

/** Fields in the order they came; names compare without case. */
class HttpHeaders {
 public:
  void add(std::string_view name, std::string_view value);
  /** Of several fields of that name the last; empty when there is none. */
  std::string get(std::string_view name) const;
  bool has(std::string_view name) const;
  size_t size() const { return fields_.size(); }
  void clear() { fields_.clear(); }

 private:
  std::vector<std::pair<std::string, std::string>> fields_;
};

/** The address of `rel="next"` in a Link field; empty when there is none. */
std::string next_link(std::string_view link);

/** An ETag without `W/` and quotes. */
std::string normalize_etag(std::string_view etag);

struct ContentRange {
  uint64_t first = 0;
  uint64_t last = 0;
  uint64_t total = 0;
};

/** `bytes FIRST-LAST/TOTAL` with FIRST <= LAST < TOTAL; none for anything else. */
std::optional<ContentRange> parse_content_range(std::string_view text);

/** The whole of `text` as a count; none for signs, blanks and what does not fit. */
std::optional<uint64_t> parse_count(std::string_view text);

}  // namespace burin::hub
