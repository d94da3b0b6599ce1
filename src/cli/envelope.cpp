#include "cli/envelope.h"

#include <algorithm>
#include <array>
#include <utility>

namespace burin::cli {
namespace {

constexpr std::array<std::string_view, 5> kListFacts{"available_hashes", "files", "lock_files", "matches", "missing"};

}  // namespace

Json success_envelope(std::string_view command, Json data) {
  return {{"status", "success"}, {"command", command}, {"data", std::move(data)}, {"error", nullptr}};
}

Json error_details(const Error& error) {
  Json details{{"type", error.type()}, {"message", error.message()}};
  if (!error.hint().empty()) {
    details["hint"] = error.hint();
  }
  for (const auto& [key, value] : error.facts()) {
    const bool list = std::ranges::find(kListFacts, key) != kListFacts.end();
    details[key] = list ? parse_json(value, key) : Json(value);
  }
  return details;
}

Json error_envelope(std::string_view command, const Error& error) {
  return {{"status", "error"}, {"command", command}, {"data", nullptr}, {"error", error_details(error)}};
}

}  // namespace burin::cli
