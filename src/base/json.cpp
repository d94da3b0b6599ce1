#include "base/json.h"

#include <algorithm>
#include <cmath>
#include <type_traits>
#include <utility>

#include "base/error.h"
#include "base/file.h"

namespace burin {
namespace {

/** A Json looks through all earlier keys of an object for each new one; this many looks take about a second. */
constexpr uint64_t kMaxKeyLooks = 300'000'000;

/**
 * Builds the tree while nlohmann parses, and refuses depth, duplicate keys and too many keys on the way, so that
 * hostile text never becomes one. Its own callback parser does the same in three times the time.
 */
template <typename Tree>
class Builder {
 public:
  Builder(std::string_view source, int max_depth) : source_(source), max_depth_(static_cast<size_t>(max_depth)) {}

  Tree take() { return std::move(root_); }

  bool null() { return add(Tree(nullptr)); }
  bool boolean(bool value) { return add(Tree(value)); }
  bool number_integer(typename Tree::number_integer_t value) { return add(Tree(value)); }
  bool number_unsigned(typename Tree::number_unsigned_t value) { return add(Tree(value)); }
  bool number_float(typename Tree::number_float_t value, const std::string& /*text*/) { return add(Tree(value)); }
  bool string(std::string& value) { return add(Tree(std::move(value))); }
  bool binary(typename Tree::binary_t& /*value*/) { return false; }

  bool start_object(size_t /*size*/) { return open(Tree::value_t::object); }
  bool start_array(size_t /*size*/) { return open(Tree::value_t::array); }
  bool end_object() { return close(); }
  bool end_array() { return close(); }

  bool key(std::string& key) {
    auto& object = open_.back()->template get_ref<typename Tree::object_t&>();
    if constexpr (std::is_same_v<Tree, Json>) {
      looks_ += object.size();
      if (std::ranges::any_of(object, [&](const auto& member) { return member.first == key; })) {
        refuse("duplicate JSON key \"" + key + "\"");
      }
      if (looks_ > kMaxKeyLooks) {
        refuse("a JSON object has too many keys");
      }
      member_ = &object.emplace_back(std::move(key), Tree()).second;
    } else {
      const auto [at, is_new] = object.try_emplace(key);
      if (!is_new) {
        refuse("duplicate JSON key \"" + key + "\"");
      }
      member_ = &at->second;
    }
    return true;
  }

  template <typename Exception>
  bool parse_error(size_t /*position*/, const std::string& /*token*/, const Exception& exception) {
    throw exception;
  }

 private:
  [[noreturn]] void refuse(const std::string& why) const { throw Error(ErrorCode::Corrupt, source_, why); }

  /** Where the next value goes: into the member whose key came last, or behind the other elements. */
  Tree& place(Tree value) {
    if (open_.empty()) {
      return root_ = std::move(value);
    }
    if (open_.back()->is_object()) {
      return *member_ = std::move(value);
    }
    return open_.back()->template get_ref<typename Tree::array_t&>().emplace_back(std::move(value));
  }

  bool add(Tree value) {
    place(std::move(value));
    return true;
  }

  bool open(typename Tree::value_t kind) {
    if (open_.size() >= max_depth_) {
      refuse("JSON nested deeper than " + std::to_string(max_depth_));
    }
    open_.push_back(&place(Tree(kind)));
    return true;
  }

  bool close() {
    open_.pop_back();
    return true;
  }

  std::string source_;
  size_t max_depth_;
  uint64_t looks_ = 0;
  Tree root_;
  std::vector<Tree*> open_;  // containers around the next value; only the last one grows
  Tree* member_ = nullptr;
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
    Builder<Tree> builder(source, limits.max_depth);
    Tree::sax_parse(text.begin(), text.end(), &builder);
    return builder.take();
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
