#include "hub/url.h"

#include <algorithm>
#include <array>
#include <charconv>

#include <fmt/format.h>

#include "base/error.h"
#include "hub/nearest.h"

namespace burin::hub {
namespace {

[[noreturn]] void refuse(std::string_view text, std::string_view why) {
  throw Error(ErrorCode::InvalidArgument, "url", fmt::format("\"{}\" is no address: {}", text.substr(0, 200), why));
}

bool is_alnum(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool is_host(std::string_view host) {
  if (host.starts_with('[')) {
    return host.size() > 2 && host.ends_with(']') && host.find_first_not_of("0123456789abcdef:.", 1) == host.size() - 1;
  }
  return !host.empty() && host.size() <= 253 &&
         std::ranges::all_of(host, [](char c) { return is_alnum(c) || c == '.' || c == '-' || c == '_'; });
}

uint16_t default_port(std::string_view scheme) {
  return scheme == "https" ? 443 : 80;
}

/** `host[:port]` into `url`. */
void parse_authority(std::string_view authority, std::string_view whole, Url& url) {
  if (authority.find('@') != authority.npos) {
    refuse(whole, "it names a user");
  }
  const size_t bracket = authority.rfind(']');
  const size_t colon = authority.find(':', bracket == authority.npos ? 0 : bracket);
  url.host = lower_ascii(authority.substr(0, colon));
  url.port = default_port(url.scheme);
  if (!is_host(url.host)) {
    refuse(whole, "its host is not a name");
  }
  if (colon != authority.npos && colon + 1 < authority.size()) {
    const std::string_view digits = authority.substr(colon + 1);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), url.port);
    if (error != std::errc() || end != digits.data() + digits.size() || url.port == 0) {
      refuse(whole, "its port is not a number");
    }
  }
}

/** The path of `target` without its last component and without the query. */
std::string folder_of(std::string_view target) {
  const std::string_view path = target.substr(0, target.find('?'));
  return std::string(path.substr(0, path.rfind('/') + 1));
}

}  // namespace

std::string Url::text() const {
  const std::string authority = port == default_port(scheme) ? host : fmt::format("{}:{}", host, port);
  return scheme + "://" + authority + target;
}

std::string Url::origin() const {
  return fmt::format("{}://{}:{}", scheme, host, port);
}

bool Url::is_loopback() const {
  const bool address = host.starts_with("127.") && host.find_first_not_of("0123456789.") == host.npos;
  return host == "localhost" || host == "[::1]" || address;
}

Url parse_url(std::string_view text) {
  if (text.size() > 16384) {
    refuse(text, "it is too long");
  }
  if (std::ranges::any_of(text,
                          [](char c) { return static_cast<unsigned char>(c) <= 0x20 || c == 0x7F || c == '\\'; })) {
    refuse(text, "it holds blanks, control bytes or backslashes");
  }
  const size_t separator = text.find("://");
  Url url;
  url.scheme = lower_ascii(text.substr(0, separator == text.npos ? 0 : separator));
  if (url.scheme != "http" && url.scheme != "https") {
    refuse(text, "only http and https are supported");
  }
  std::string_view rest = text.substr(separator + 3);
  rest = rest.substr(0, rest.find('#'));
  const size_t path = std::min(rest.find_first_of("/?"), rest.size());
  parse_authority(rest.substr(0, path), text, url);
  url.target = rest.substr(path);
  if (!url.target.starts_with('/')) {
    url.target.insert(0, "/");
  }
  return url;
}

Url resolve_url(const Url& base, std::string_view location) {
  const size_t colon = location.find(':');
  const bool absolute = colon != location.npos && colon < location.find_first_of("/?#");
  if (absolute) {
    return parse_url(location);
  }
  if (location.starts_with("//")) {
    return parse_url(base.scheme + ":" + std::string(location));
  }
  const std::string folder = location.starts_with('/')   ? ""
                             : location.starts_with('?') ? base.target.substr(0, base.target.find('?'))
                                                         : folder_of(base.target);
  return parse_url(base.origin() + folder + std::string(location));
}

std::string percent_encode(std::string_view text, std::string_view safe) {
  std::string result;
  for (const char c : text) {
    if (is_alnum(c) || std::string_view("_.-~").find(c) != std::string_view::npos || safe.find(c) != safe.npos) {
      result += c;
    } else {
      result += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return result;
}

bool is_hub_origin(const Url& url, const Url& endpoint) {
  static constexpr std::array<std::string_view, 3> kHubOrigins{
      "https://huggingface.co:443", "https://hub-ci.huggingface.co:443", "https://hf.co:443"};
  const std::string origin = url.origin();
  return origin == endpoint.origin() || std::ranges::find(kHubOrigins, origin) != kHubOrigins.end();
}

bool may_receive_token(const Url& url, const Url& endpoint) {
  return is_hub_origin(url, endpoint) && (url.scheme == "https" || url.is_loopback());
}

}  // namespace burin::hub
