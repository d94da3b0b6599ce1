#include "hub/retry.h"

#include <algorithm>
#include <array>
#include <string>

namespace burin::hub {
namespace {

using std::chrono::milliseconds;

/** The value of `key=` among the parts of `text` between semicolons or commas. */
std::optional<uint64_t> parameter(std::string_view text, std::string_view key) {
  while (!text.empty()) {
    const size_t end = std::min(text.find_first_of(";,"), text.size());
    std::string_view part = text.substr(0, end);
    part.remove_prefix(std::min(part.find_first_not_of(' '), part.size()));
    if (part.starts_with(key) && part.substr(key.size()).starts_with('=')) {
      return parse_count(part.substr(key.size() + 1));
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return std::nullopt;
}

std::optional<int> digits(std::string_view text, size_t at, size_t count) {
  const auto value = at + count <= text.size() ? parse_count(text.substr(at, count)) : std::nullopt;
  return value ? std::optional(static_cast<int>(*value)) : std::nullopt;
}

milliseconds seconds_and_one(uint64_t seconds) {
  constexpr uint64_t kDay = 86400;
  return std::chrono::seconds(static_cast<int64_t>(std::min(seconds, kDay)) + 1);
}

}  // namespace

bool is_retryable_status(int status) {
  return status == 408 || status == 429 || status == 500 || status == 502 || status == 503 || status == 504;
}

std::optional<int64_t> parse_http_date(std::string_view text) {
  static constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";
  if (text.size() != 29 || !text.ends_with(" GMT") || text[3] != ',') {
    return std::nullopt;
  }
  const size_t month = kMonths.find(text.substr(8, 3));
  const auto day = digits(text, 5, 2);
  const auto year = digits(text, 12, 4);
  const auto hour = digits(text, 17, 2);
  const auto minute = digits(text, 20, 2);
  const auto second = digits(text, 23, 2);
  if (month == kMonths.npos || month % 3 != 0 || !day || !year || !hour || !minute || !second) {
    return std::nullopt;
  }
  const std::chrono::year_month_day date{std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(month / 3 + 1)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok() || *hour > 23 || *minute > 59 || *second > 60) {
    return std::nullopt;
  }
  const int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  return days * 86400 + *hour * 3600 + *minute * 60 + *second;
}

std::optional<milliseconds> requested_wait(int status, const HttpHeaders& headers, int64_t now_s) {
  if (const std::string limit = headers.get("RateLimit"); status == 429 && !limit.empty()) {
    const auto seconds = parameter(limit, "t");
    if (parameter(limit, "r") == uint64_t{0} && seconds) {
      return seconds_and_one(*seconds);
    }
  }
  const std::string after = headers.get("Retry-After");
  if (const auto seconds = parse_count(after)) {
    return seconds_and_one(*seconds);
  }
  if (const auto date = parse_http_date(after)) {
    return seconds_and_one(static_cast<uint64_t>(std::max<int64_t>(0, *date - now_s)));
  }
  return std::nullopt;
}

milliseconds retry_wait(const RetryPolicy& policy, int attempt, std::optional<milliseconds> requested, double chance) {
  if (requested) {
    return std::min<milliseconds>(*requested, policy.max_wait);
  }
  const milliseconds doubled = policy.base * (int64_t{1} << std::clamp(attempt, 0, 20));
  const milliseconds wait = std::min(doubled, policy.cap);
  const auto jitter = static_cast<int64_t>(0.25 * std::clamp(chance, 0.0, 1.0) * static_cast<double>(wait.count()));
  return std::min<milliseconds>(wait + milliseconds(jitter), policy.max_wait);
}

}  // namespace burin::hub
