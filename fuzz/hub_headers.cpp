// What a server's headers may say: addresses, Link, Content-Range, ETag, dates and waits. The first line is a
// redirect's target, the others are header fields; nothing of it may name a place or a wait that the rules forbid.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "check.h"
#include "hub/hub_client.h"

namespace {

using namespace burin;
using namespace burin::hub;
using fuzz::check;

std::string_view take_line(std::string_view& text) {
  const std::string_view line = text.substr(0, text.find('\n'));
  text.remove_prefix(std::min(text.size(), line.size() + 1));
  return line;
}

/** An address that was taken can be written, read again to the same, and cannot break out of a request's first line. */
void check_url(const Url& url) {
  check(url.scheme == "http" || url.scheme == "https");
  check(!url.host.empty() && url.port != 0 && url.target.starts_with('/'));
  for (const char c : url.text()) {
    check(static_cast<unsigned char>(c) > 0x20 && c != 0x7F);
  }
  const Url again = parse_url(url.text());
  check(again.text() == url.text() && again.origin() == url.origin());
}

void read_location(std::string_view location) {
  static const Url kHub = parse_url("https://huggingface.co/api/models/org/name");
  try {
    check_url(parse_url(location));
  } catch (const Error& error) {
    check(error.code() == ErrorCode::InvalidArgument);
  }
  try {
    const Url next = resolve_url(kHub, location);
    check_url(next);
    if (may_receive_token(next, kHub)) {
      check(is_hub_origin(next, kHub) && (next.scheme == "https" || next.is_loopback()));
    }
  } catch (const Error& error) {
    check(error.code() == ErrorCode::InvalidArgument);
  }
}

HttpHeaders read_fields(std::string_view text) {
  HttpHeaders headers;
  while (!text.empty() && headers.size() < 200) {
    const std::string_view line = take_line(text);
    if (const size_t colon = line.find(':'); colon != line.npos) {
      headers.add(line.substr(0, colon), line.substr(colon + 1));
    }
  }
  return headers;
}

void read_range(const HttpHeaders& headers) {
  if (const auto range = parse_content_range(headers.get("Content-Range"))) {
    check(range->first <= range->last && range->last < range->total);
  }
}

void read_waits(const HttpHeaders& headers) {
  constexpr int64_t kNow = 1'790'000'000;
  for (const int status : {429, 503}) {
    const auto requested = requested_wait(status, headers, kNow);
    check(!requested || requested->count() > 0);
    const RetryPolicy policy;
    const auto wait = retry_wait(policy, 3, requested, 0.5);
    check(wait.count() >= 0 && wait <= policy.max_wait);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  read_location(take_line(text));
  const HttpHeaders headers = read_fields(text);
  read_range(headers);
  read_waits(headers);
  read_location(next_link(headers.get("Link")));
  FileFacts facts;
  facts.take({.status = 302, .headers = headers});
  facts.take({.status = 200, .headers = headers});
  check(facts.etag.find('"') == std::string::npos || !headers.get("ETag").empty() ||
        !headers.get("X-Linked-Etag").empty());
  return 0;
}
