#include "hub/http_headers.h"

#include <gtest/gtest.h>

namespace burin::hub {
namespace {

TEST(HttpHeaders, CompareNamesWithoutCase) {
  HttpHeaders headers;
  headers.add("X-Repo-Commit", "  abc\t");
  headers.add("ETag", "1");
  headers.add("etag", "2");
  EXPECT_EQ(headers.get("x-repo-commit"), "abc");
  EXPECT_EQ(headers.get("ETAG"), "2");
  EXPECT_TRUE(headers.has("Etag"));
  EXPECT_EQ(headers.get("Link"), "");
}

TEST(Link, FindsTheNextPage) {
  EXPECT_EQ(next_link("<http://h/a?cursor=x,y>; rel=\"next\""), "http://h/a?cursor=x,y");
  EXPECT_EQ(next_link("<http://h/p>; rel=\"prev\", <http://h/n>; title=\"t\"; rel=next"), "http://h/n");
  EXPECT_EQ(next_link("<http://h/n>; REL=\"Next\""), "http://h/n");
  for (const char* text : {"", "http://h/n; rel=next", "<http://h/n>", "<http://h/n; rel=next",
                           "<http://h/n>; rel=\"last\"", "<http://h/n>; x=\"rel=next\"", "<><><;;;,,,"}) {
    EXPECT_EQ(next_link(text), "") << text;
  }
}

TEST(Etag, LosesWeaknessAndQuotes) {
  EXPECT_EQ(normalize_etag("\"abc\""), "abc");
  EXPECT_EQ(normalize_etag("W/\"abc\""), "abc");
  EXPECT_EQ(normalize_etag("abc"), "abc");
  EXPECT_EQ(normalize_etag("\""), "\"");
}

TEST(ContentRange, IsReadStrictly) {
  const auto range = parse_content_range("bytes 5-9/10");
  ASSERT_TRUE(range);
  EXPECT_EQ(range->first, 5U);
  EXPECT_EQ(range->last, 9U);
  EXPECT_EQ(range->total, 10U);
  for (const char* text :
       {"", "bytes", "bytes 5-9", "bytes 9-5/10", "bytes 5-10/10", "bytes -5-9/10", "bytes 5-9/*", "bytes */10",
        "items 5-9/10", "bytes 5-9/99999999999999999999", "bytes 5 -9/10", "bytes=5-9/10"}) {
    EXPECT_FALSE(parse_content_range(text)) << text;
  }
}

TEST(Count, IsDigitsOnly) {
  EXPECT_EQ(parse_count("18446744073709551615"), UINT64_MAX);
  for (const char* text : {"", "+1", "-1", " 1", "1 ", "0x1", "18446744073709551616"}) {
    EXPECT_FALSE(parse_count(text)) << text;
  }
}

}  // namespace
}  // namespace burin::hub
