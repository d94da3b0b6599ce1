// The two hashes that name content on the Hub: SHA-256 for large files, git's blob SHA-1 for the rest.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace burin::hub {

/** Which hash an etag is: 64 hexadecimal digits are SHA-256, 40 are git's SHA-1 of `blob SIZE\0` and the content. */
enum class DigestKind { Sha256, GitSha1 };

/** By the etag's length; `etag` must be is_etag(). */
DigestKind digest_kind(std::string_view etag);

/** 40 or 64 lower-case hexadecimal digits: an etag that names content, and that may be part of a path. */
bool is_etag(std::string_view text);

/** A running hash. Copies go on from where the original was. */
class Digest {
 public:
  /** `size_bytes` of the whole content is part of git's hash and ignored for SHA-256. */
  Digest(DigestKind kind, uint64_t size_bytes);
  ~Digest();
  Digest(const Digest& other);
  Digest& operator=(const Digest& other);
  Digest(Digest&&) noexcept;
  Digest& operator=(Digest&&) noexcept;

  void update(std::span<const std::byte> bytes);
  /** Lower-case hexadecimal digits of everything so far; the hash may be continued. */
  std::string hex() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace burin::hub
