// When a request is tried again, and after which wait. Pure: time and chance are handed in.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "hub/http_headers.h"

namespace burin::hub {

struct RetryPolicy {
  int retries = 5;
  int unreached_retries = 2;  // of a server that never answered: the network is not there, or the name is wrong
  std::chrono::milliseconds unreached{5'000};  // and not after so long
  std::chrono::milliseconds base{1000};        // doubled each time
  std::chrono::milliseconds cap{8000};         // of a wait nobody asked for
  std::chrono::seconds max_wait{300};          // of any wait
};

/** 408, 429, 500, 502, 503 and 504. */
bool is_retryable_status(int status);

/** Seconds since 1970 of an HTTP date (the form that is in use, "Sun, 06 Nov 1994 08:49:37 GMT"). */
std::optional<int64_t> parse_http_date(std::string_view text);

/** What the server asks for: `RateLimit` with r=0 on a 429, else Retry-After (seconds or a date); one second is added.
 */
std::optional<std::chrono::milliseconds> requested_wait(int status, const HttpHeaders& headers, int64_t now_s);

/**
 * The wait before retry number `attempt` (0, 1, ..): base * 2^attempt up to the cap, and up to a quarter more by
 * `chance` in [0, 1); or what the server asked for. Never above max_wait.
 */
std::chrono::milliseconds retry_wait(const RetryPolicy& policy, int attempt,
                                     std::optional<std::chrono::milliseconds> requested, double chance);

}  // namespace burin::hub
