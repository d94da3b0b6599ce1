#include "base/error.h"

#include <array>
#include <utility>

namespace burin {
namespace {

/** What is corrupt or unsupported is something in particular, mostly a file: people are told which. */
std::string naming_the_culprit(ErrorCode code, std::string_view where, std::string_view message) {
  const bool blames = code == ErrorCode::Corrupt || code == ErrorCode::Unsupported;
  const bool named = where.empty() || message.starts_with(where);
  return blames && !named ? std::string(where) + ": " + std::string(message) : std::string(message);
}

std::string with_where(std::string_view where, std::string_view message) {
  std::string text = "[";
  text.append(where).append("] ").append(message);
  return text;
}

}  // namespace

const ErrorTraits& traits(ErrorCode code) {
  static constexpr std::array<ErrorTraits, 11> kTable{{
      {"internal", 1, 500, "server_error"},
      {"invalid_argument", 2, 400, "invalid_request_error"},
      {"not_found", 3, 404, "not_found_error"},
      {"ambiguous", 4, 409, "invalid_request_error"},
      {"network", 5, 502, "server_error"},
      {"permission", 6, 403, "permission_error"},
      {"corrupt", 7, 422, "invalid_request_error"},
      {"unsupported", 8, 501, "invalid_request_error"},
      {"resource_exhausted", 9, 507, "server_error"},
      {"busy", 10, 503, "rate_limit_error"},
      {"cancelled", 130, 499, ""},
  }};
  return kTable.at(static_cast<size_t>(code));
}

Error::Error(ErrorCode code, std::string_view where, std::string_view message)
    : std::runtime_error(with_where(where, message)),
      code_(code),
      message_(naming_the_culprit(code, where, message)),
      type_(traits(code).name) {}

Error::~Error() = default;

Error& Error::hint(std::string text) & {
  hint_ = std::move(text);
  return *this;
}
Error&& Error::hint(std::string text) && {
  hint_ = std::move(text);
  return std::move(*this);
}
Error& Error::type(std::string name) & {
  type_ = std::move(name);
  return *this;
}
Error&& Error::type(std::string name) && {
  type_ = std::move(name);
  return std::move(*this);
}
Error& Error::fact(const std::string& key, std::string value) & {
  facts_[key] = std::move(value);
  return *this;
}
Error&& Error::fact(const std::string& key, std::string value) && {
  facts_[key] = std::move(value);
  return std::move(*this);
}

}  // namespace burin
