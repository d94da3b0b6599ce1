#include "base/error.h"

#include <algorithm>
#include <array>

namespace burin {
namespace {

constexpr ErrorTraits row(ErrorCode code, int http_status, std::string_view openai_type) {
  return {error_name(code), static_cast<int>(code), http_status, openai_type};
}

}  // namespace

const ErrorTraits& traits(ErrorCode code) {
  using enum ErrorCode;
  static constexpr std::array<ErrorTraits, 11> kTable{
      row(Internal, 500, "server_error"),
      row(InvalidArgument, 400, "invalid_request_error"),
      row(NotFound, 404, "not_found_error"),
      row(Ambiguous, 409, "invalid_request_error"),
      row(Network, 502, "server_error"),
      row(Permission, 403, "permission_error"),
      row(Corrupt, 422, "invalid_request_error"),
      row(Unsupported, 501, "invalid_request_error"),
      row(ResourceExhausted, 507, "server_error"),
      row(Busy, 503, "rate_limit_error"),
      row(Cancelled, 499, ""),
  };
  const auto* found = std::ranges::find(kTable, static_cast<int>(code), &ErrorTraits::exit_status);
  return found == kTable.end() ? kTable.front() : *found;
}

}  // namespace burin
