#include "base/json.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <type_traits>
#include <utility>

#include "base/error.h"
#include "base/file.h"

namespace burin {
namespace {

/** A Json looks through all earlier keys of an object for each new one; this many looks take about a second. */
constexpr uint64_t kMaxKeyLooks = 300'000'000;

/** Refuses depth, duplicate keys and too many keys while nlohmann parses, so hostile text never builds a tree. */
template <typename Tree>
class Guard {
 public:
  Guard(std::string_view source, int max_depth) : source_(source), max_depth_(max_depth) {}

  bool operator()(int depth, typename Tree::parse_event_t event, Tree& parsed) {
    using Event = typename Tree::parse_event_t;
    if (event == Event::object_start || event == Event::array_start) {
      if (depth >= max_depth_) {
        throw Error(ErrorCode::Corrupt, source_, "JSON nested deeper than " + std::to_string(max_depth_));
      }
      keys_.emplace_back();
    } else if (event == Event::object_end || event == Event::array_end) {
      keys_.pop_back();
    } else if (event == Event::key) {
      add_key(parsed.template get<std::string>());
    }
    return true;
  }

 private:
  void add_key(const std::string& key) {
    looks_ += keys_.back().size();
    if (!keys_.back().insert(key).second) {
      throw Error(ErrorCode::Corrupt, source_, "duplicate JSON key \"" + key + "\"");
    }
    if (std::is_same_v<Tree, Json> && looks_ > kMaxKeyLooks) {
      throw Error(ErrorCode::Corrupt, source_, "a JSON object has too many keys");
    }
  }

  std::string source_;
  int max_depth_;
  uint64_t looks_ = 0;
  std::vector<std::set<std::string>> keys_;
};

/** nlohmann's messages begin with a tag like "[json.exception.parse_error.101] ". */
std::string without_tag(const std::string& message) {
  const size_t end = message.find("] ");
  return end == std::string::npos ? message : message.substr(end + 2);
}

template <typename Tree>
Tree parse(std::string_view text, std::string_view source, const JsonLimits& limits) {
  if (text.size() > limits.max_bytes) {
    throw Error(ErrorCode::Corrupt, source, "JSON larger than " + std::to_string(limits.max_bytes) + " bytes");
  }
  try {
    return Tree::parse(text.begin(), text.end(), Guard<Tree>(source, limits.max_depth));
  } catch (const typename Tree::exception& e) {
    const auto* broken = dynamic_cast<const typename Tree::parse_error*>(&e);
    const bool cut = broken != nullptr && broken->byte > text.size();
    const auto lines = std::ranges::count(text, '\n') + 1;
    throw Error(
        ErrorCode::Corrupt, source,
        "not valid JSON: " + (cut ? "it ends in the middle, on line " + std::to_string(lines) : without_tag(e.what())));
  }
}

std::string last_component(const std::filesystem::path& file) {
  return file.filename().string();
}

}  // namespace

Json parse_json(std::string_view text, std::string_view source, const JsonLimits& limits) {
  return parse<Json>(text, source, limits);
}

SortedJson parse_sorted_json(std::string_view text, std::string_view source, const JsonLimits& limits) {
  return parse<SortedJson>(text, source, limits);
}

Json read_json_file(const std::filesystem::path& file, const JsonLimits& limits) {
  return parse_json(read_file(file, limits.max_bytes), last_component(file), limits);
}

std::string dump_json(const Json& value, int indent) {
  return value.dump(indent, ' ', false, Json::error_handler_t::replace);
}

std::string dump_sorted_json(const SortedJson& value, int indent) {
  return value.dump(indent, ' ', false, SortedJson::error_handler_t::replace);
}

JsonView::JsonView(const Json& object, std::string source) : object_(&object), source_(std::move(source)) {
  if (!object.is_object()) {
    throw Error(ErrorCode::Corrupt, source_, "expected a JSON object");
  }
}

const Json* JsonView::find(std::string_view key) const {
  auto it = object_->find(std::string(key));
  return it == object_->end() || it->is_null() ? nullptr : &*it;
}

bool JsonView::has(std::string_view key) const {
  return find(key) != nullptr;
}

void JsonView::fail(std::string_view key, std::string_view expected) const {
  throw Error(ErrorCode::Corrupt, source_, "\"" + std::string(key) + "\" must be " + std::string(expected));
}

int64_t JsonView::integer(std::string_view key, int64_t low, int64_t high) const {
  const Json* value = find(key);
  const std::string range = "an integer from " + std::to_string(low) + " to " + std::to_string(high);
  if (value == nullptr || !value->is_number()) {
    fail(key, range);
  }
  const bool integral = value->is_number_integer() || std::floor(value->get<double>()) == value->get<double>();
  const double number = value->get<double>();
  if (!integral || !(number >= static_cast<double>(low) && number <= static_cast<double>(high))) {
    fail(key, range);
  }
  return value->is_number_integer() ? value->get<int64_t>() : static_cast<int64_t>(number);
}

int64_t JsonView::integer_or(std::string_view key, int64_t fallback, int64_t low, int64_t high) const {
  return has(key) ? integer(key, low, high) : fallback;
}

double JsonView::number(std::string_view key) const {
  const Json* value = find(key);
  if (value == nullptr || !value->is_number() || !std::isfinite(value->get<double>())) {
    fail(key, "a finite number");
  }
  return value->get<double>();
}

double JsonView::number_or(std::string_view key, double fallback) const {
  return has(key) ? number(key) : fallback;
}

bool JsonView::boolean_or(std::string_view key, bool fallback) const {
  const Json* value = find(key);
  if (value == nullptr) {
    return fallback;
  }
  if (!value->is_boolean()) {
    fail(key, "true or false");
  }
  return value->get<bool>();
}

std::string JsonView::string(std::string_view key) const {
  const Json* value = find(key);
  if (value == nullptr || !value->is_string()) {
    fail(key, "a string");
  }
  return value->get<std::string>();
}

std::string JsonView::string_or(std::string_view key, std::string_view fallback) const {
  return has(key) ? string(key) : std::string(fallback);
}

std::vector<double> JsonView::numbers_or(std::string_view key, std::vector<double> fallback) const {
  const Json* value = find(key);
  if (value == nullptr) {
    return fallback;
  }
  if (!value->is_array()) {
    fail(key, "a list of numbers");
  }
  std::vector<double> result;
  for (const Json& item : *value) {
    if (!item.is_number() || !std::isfinite(item.get<double>())) {
      fail(key, "a list of finite numbers");
    }
    result.push_back(item.get<double>());
  }
  return result;
}

std::vector<std::string> JsonView::strings_or(std::string_view key, std::vector<std::string> fallback) const {
  const Json* value = find(key);
  if (value == nullptr) {
    return fallback;
  }
  if (!value->is_array()) {
    fail(key, "a list of strings");
  }
  std::vector<std::string> result;
  for (const Json& item : *value) {
    if (!item.is_string()) {
      fail(key, "a list of strings");
    }
    result.push_back(item.get<std::string>());
  }
  return result;
}

std::optional<JsonView> JsonView::object(std::string_view key) const {
  const Json* value = find(key);
  if (value == nullptr) {
    return std::nullopt;
  }
  if (!value->is_object()) {
    fail(key, "an object");
  }
  return JsonView(*value, source_ + " > " + std::string(key));
}

}  // namespace burin
