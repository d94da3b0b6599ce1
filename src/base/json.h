// JSON for untrusted files: size and depth limits on parse, typed access that names the file and the key.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

namespace burin {

/** JSON with the order of keys kept: order is visible in prompts and listings. */
using Json = nlohmann::ordered_json;

/** JSON sorted by key, for objects of any number of keys: finding one in a Json takes time in proportion to them. */
using SortedJson = nlohmann::json;

struct JsonLimits {
  size_t max_bytes = size_t{64} << 20;
  int max_depth = 64;
};

/**
 * Parses `text`; `source` names it in errors.
 * Throws: Corrupt for anything that is not one JSON value within the limits (bad UTF-8, duplicate keys, and objects
 * with so many keys that a Json of them would take seconds included).
 */
Json parse_json(std::string_view text, std::string_view source, const JsonLimits& limits = {});

/** The same without a limit on keys. Throws: Corrupt. */
SortedJson parse_sorted_json(std::string_view text, std::string_view source, const JsonLimits& limits = {});

/** Reads and parses a file; errors name the file only by its last component. Throws: NotFound, Corrupt. */
Json read_json_file(const std::filesystem::path& file, const JsonLimits& limits = {});

/** Compact text; bytes that are no UTF-8 become U+FFFD, so it never throws on output of a model. */
std::string dump_json(const Json& value, int indent = -1);
std::string dump_sorted_json(const SortedJson& value, int indent = -1);

/**
 * Typed read access to one JSON object of a configuration. A missing key and `null` are both "absent".
 * Throws: Corrupt (source and key named) when a present value has another type or is out of range.
 */
class JsonView {
 public:
  JsonView(const Json& object, std::string source);

  bool has(std::string_view key) const;
  const Json* find(std::string_view key) const;

  int64_t integer(std::string_view key, int64_t low, int64_t high) const;
  int64_t integer_or(std::string_view key, int64_t fallback, int64_t low, int64_t high) const;
  double number(std::string_view key) const;
  double number_or(std::string_view key, double fallback) const;
  bool boolean_or(std::string_view key, bool fallback) const;
  std::string string(std::string_view key) const;
  std::string string_or(std::string_view key, std::string_view fallback) const;
  std::vector<double> numbers_or(std::string_view key, std::vector<double> fallback) const;
  std::vector<std::string> strings_or(std::string_view key, std::vector<std::string> fallback) const;
  std::optional<JsonView> object(std::string_view key) const;

  const std::string& source() const { return source_; }
  const Json& json() const { return *object_; }

 private:
  [[noreturn]] void fail(std::string_view key, std::string_view expected) const;

  const Json* object_;
  std::string source_;
};

}  // namespace burin
