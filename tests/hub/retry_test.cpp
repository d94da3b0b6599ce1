#include "hub/retry.h"

#include <gtest/gtest.h>

namespace burin::hub {
namespace {

using std::chrono::milliseconds;

HttpHeaders header(const char* name, const char* value) {
  HttpHeaders headers;
  headers.add(name, value);
  return headers;
}

TEST(Retry, DoublesUpToItsCap) {
  const RetryPolicy policy;
  EXPECT_EQ(retry_wait(policy, 0, {}, 0), milliseconds(1000));
  EXPECT_EQ(retry_wait(policy, 2, {}, 0), milliseconds(4000));
  EXPECT_EQ(retry_wait(policy, 3, {}, 0), milliseconds(8000));
  EXPECT_EQ(retry_wait(policy, 1000, {}, 0), milliseconds(8000));
  EXPECT_EQ(retry_wait(policy, -1, {}, 0), milliseconds(1000));
}

TEST(Retry, IsSpreadByChance) {
  const RetryPolicy policy;
  EXPECT_EQ(retry_wait(policy, 3, {}, 0.5), milliseconds(9000));
  EXPECT_LE(retry_wait(policy, 3, {}, 7), milliseconds(10000));
}

TEST(Retry, WaitsAsLongAsAsked) {
  EXPECT_EQ(requested_wait(503, header("Retry-After", "7"), 0), milliseconds(8000));
  EXPECT_EQ(requested_wait(429, header("RateLimit", "\"api\";r=0;t=55"), 0), milliseconds(56000));
  EXPECT_EQ(requested_wait(429, header("RateLimit", "\"api\"; r=0; t=55"), 0), milliseconds(56000));
  EXPECT_EQ(requested_wait(503, header("Retry-After", "Sun, 06 Nov 1994 08:49:37 GMT"), 784111770), milliseconds(8000));
  EXPECT_EQ(requested_wait(503, header("Retry-After", "Sun, 06 Nov 1994 08:49:37 GMT"), 784111900), milliseconds(1000));
  EXPECT_FALSE(requested_wait(429, header("RateLimit", "\"api\";r=3;t=55"), 0));
  EXPECT_FALSE(requested_wait(500, header("RateLimit", "\"api\";r=0;t=55"), 0));
  EXPECT_FALSE(requested_wait(503, header("Retry-After", "-5 soon"), 0));
}

TEST(Retry, NeverWaitsLongerThanFiveMinutes) {
  const RetryPolicy policy;
  EXPECT_EQ(retry_wait(policy, 0, requested_wait(503, header("Retry-After", "99999999999"), 0), 0),
            milliseconds(300'000));
  EXPECT_EQ(retry_wait(policy, 0, requested_wait(503, header("Retry-After", "Sun, 06 Nov 2094 08:49:37 GMT"), 0), 0),
            milliseconds(300'000));
}

TEST(HttpDate, IsReadStrictly) {
  EXPECT_EQ(parse_http_date("Thu, 01 Jan 1970 00:00:00 GMT"), 0);
  EXPECT_EQ(parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT"), 784111777);
  for (const char* text :
       {"", "Sun, 06 Nov 1994 08:49:37 CET", "Sun, 31 Feb 1994 08:49:37 GMT", "Sun, 06 anF 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 25:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT"}) {
    EXPECT_FALSE(parse_http_date(text)) << text;
  }
}

TEST(Retry, IsForPassingTroubleOnly) {
  for (const int status : {408, 429, 500, 502, 503, 504}) {
    EXPECT_TRUE(is_retryable_status(status)) << status;
  }
  for (const int status : {0, 200, 400, 401, 403, 404, 416, 501, 505}) {
    EXPECT_FALSE(is_retryable_status(status)) << status;
  }
}

}  // namespace
}  // namespace burin::hub
