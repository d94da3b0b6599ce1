#include "hub/url.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace burin::hub {
namespace {

TEST(Url, IsSplit) {
  const Url url = parse_url("HTTPS://Hub.Example:8443/a/b?c=d#e");
  EXPECT_EQ(url.scheme, "https");
  EXPECT_EQ(url.host, "hub.example");
  EXPECT_EQ(url.port, 8443);
  EXPECT_EQ(url.target, "/a/b?c=d");
  EXPECT_EQ(url.text(), "https://hub.example:8443/a/b?c=d");
  EXPECT_EQ(parse_url("http://h").text(), "http://h/");
  EXPECT_EQ(parse_url("http://h?x").target, "/?x");
  EXPECT_EQ(parse_url("http://[::1]:80/").origin(), "http://[::1]:80");
}

TEST(Url, RefusesWhatIsNone) {
  for (const char* text : {"", "h/x", "ftp://h/", "file:///etc/passwd", "http://", "http://u@h/", "http://u:p@h/",
                           "http://h:0/", "http://h:65536/", "http://h:8x/", "http://h /", "http://h/a b",
                           "http://h/\x01", "http://h\\x/", "http://[::1/", "http://h%00/", "http://hö/"}) {
    EXPECT_THROW((void)parse_url(text), Error) << text;
  }
}

TEST(Url, JoinsLocations) {
  const Url base = parse_url("https://hub.example/a/b?q=1");
  EXPECT_EQ(resolve_url(base, "https://other/x?y").text(), "https://other/x?y");
  EXPECT_EQ(resolve_url(base, "//other/x").text(), "https://other/x");
  EXPECT_EQ(resolve_url(base, "/x?y=http://z").text(), "https://hub.example/x?y=http://z");
  EXPECT_EQ(resolve_url(base, "x").text(), "https://hub.example/a/x");
  EXPECT_EQ(resolve_url(base, "?z").text(), "https://hub.example/a/b?z");
  EXPECT_THROW((void)resolve_url(base, "javascript:alert(1)"), Error);
}

TEST(Url, EncodesAsPythonQuotes) {
  EXPECT_EQ(percent_encode("a b/c?d%e:f,g_.-~", "/"), "a%20b/c%3Fd%25e%3Af%2Cg_.-~");
  EXPECT_EQ(percent_encode("refs/pr/1"), "refs%2Fpr%2F1");
  EXPECT_EQ(percent_encode("é"), "%C3%A9");
}

/** Whether the token goes to `url` when the endpoint is `endpoint`. */
bool goes(const char* url, const char* endpoint) {
  return may_receive_token(parse_url(url), parse_url(endpoint));
}

TEST(Token, GoesToHubOriginsOnly) {
  constexpr const char* kHub = "https://huggingface.co";
  EXPECT_TRUE(goes("https://huggingface.co/x", kHub));
  EXPECT_TRUE(goes("https://huggingface.co:443/x", kHub));
  EXPECT_TRUE(goes("https://hf.co/x", kHub));
  EXPECT_TRUE(goes("https://hub-ci.huggingface.co/x", kHub));
  for (const char* url : {"https://cdn-lfs.hf.co/x", "https://huggingface.co:444/x", "http://huggingface.co/x",
                          "http://huggingface.co:443/x", "https://huggingface.co.evil.org/x",
                          "https://evil.org/huggingface.co", "https://xhuggingface.co/"}) {
    EXPECT_FALSE(goes(url, kHub)) << url;
  }
}

TEST(Token, GoesOverHttpOnlyWithinTheMachine) {
  EXPECT_TRUE(goes("http://127.0.0.1:8000/x", "http://127.0.0.1:8000"));
  EXPECT_TRUE(goes("http://localhost:8000/x", "http://localhost:8000"));
  EXPECT_TRUE(goes("http://[::1]:8000/x", "http://[::1]:8000"));
  EXPECT_FALSE(goes("http://127.0.0.1:8001/x", "http://127.0.0.1:8000"));
  EXPECT_FALSE(goes("http://localhost:8000/x", "http://127.0.0.1:8000"));
  EXPECT_FALSE(goes("http://mirror.lan/x", "http://mirror.lan"));
  EXPECT_FALSE(goes("http://127.evil.org/x", "http://127.evil.org"));
  EXPECT_TRUE(goes("https://mirror.lan/x", "https://mirror.lan"));
}

}  // namespace
}  // namespace burin::hub
