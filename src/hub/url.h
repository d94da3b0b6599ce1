// URLs as far as the hub's client needs them: split, joined with a Location, compared by origin, percent-encoded.
// Whether the token may go to an address is decided here alone.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace burin::hub {

/** An absolute http or https URL. `target` is the path with its query, from the first slash; a fragment is dropped. */
struct Url {
  std::string scheme;  // lower case
  std::string host;    // lower case; IPv6 with its brackets
  uint16_t port = 0;
  std::string target;

  std::string text() const;
  /** scheme://host:port, the port always written. */
  std::string origin() const;
  /** localhost, 127.0.0.0/8 or [::1]. */
  bool is_loopback() const;
};

/** Throws: InvalidArgument for another scheme, a user name, control bytes or blanks, a bad host or port. */
Url parse_url(std::string_view text);

/** `location` as a redirect of `base` means it: absolute, `//host/path`, `/path` or a relative path. Throws: as above.
 */
Url resolve_url(const Url& base, std::string_view location);

/** Every byte but letters, digits and `_.-~` as %XX; those of `safe` stay too. */
std::string percent_encode(std::string_view text, std::string_view safe = "");

/** The endpoint's own origin, or one of the Hub's well-known ones. */
bool is_hub_origin(const Url& url, const Url& endpoint);

/** A hub origin, and https unless the machine itself is meant. */
bool may_receive_token(const Url& url, const Url& endpoint);

}  // namespace burin::hub
