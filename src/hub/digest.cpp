#define OPENSSL_SUPPRESS_DEPRECATED  // The plain functions: the newer ones load a provider each time a program starts.
#include "hub/digest.h"

#include <algorithm>
#include <array>
#include <variant>

#include <fmt/format.h>
#include <openssl/sha.h>

#include "base/error.h"

namespace burin::hub {

struct Digest::State {
  std::variant<SHA256_CTX, SHA_CTX> context;
};

DigestKind digest_kind(std::string_view etag) {
  return etag.size() == 2 * SHA256_DIGEST_LENGTH ? DigestKind::Sha256 : DigestKind::GitSha1;
}

bool is_etag(std::string_view text) {
  const auto hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  return (text.size() == 2 * SHA256_DIGEST_LENGTH || text.size() == 2 * SHA_DIGEST_LENGTH) &&
         std::ranges::all_of(text, hex);
}

Digest::Digest(DigestKind kind, uint64_t size_bytes) : state_(std::make_unique<State>()) {
  if (kind == DigestKind::Sha256) {
    BURIN_CHECK(SHA256_Init(&state_->context.emplace<SHA256_CTX>()) == 1);
    return;
  }
  BURIN_CHECK(SHA1_Init(&state_->context.emplace<SHA_CTX>()) == 1);
  std::string head = fmt::format("blob {}", size_bytes);
  head += '\0';
  update(std::as_bytes(std::span(head)));
}

Digest::~Digest() = default;
Digest::Digest(const Digest& other) : state_(std::make_unique<State>(*other.state_)) {}
Digest& Digest::operator=(const Digest& other) {
  *state_ = *other.state_;
  return *this;
}
Digest::Digest(Digest&&) noexcept = default;
Digest& Digest::operator=(Digest&&) noexcept = default;

void Digest::update(std::span<const std::byte> bytes) {
  if (auto* sha256 = std::get_if<SHA256_CTX>(&state_->context)) {
    SHA256_Update(sha256, bytes.data(), bytes.size());
  } else {
    SHA1_Update(&std::get<SHA_CTX>(state_->context), bytes.data(), bytes.size());
  }
}

std::string Digest::hex() const {
  State end = *state_;
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  size_t length = SHA256_DIGEST_LENGTH;
  if (auto* sha256 = std::get_if<SHA256_CTX>(&end.context)) {
    SHA256_Final(digest.data(), sha256);
  } else {
    SHA1_Final(digest.data(), &std::get<SHA_CTX>(end.context));
    length = SHA_DIGEST_LENGTH;
  }
  std::string text;
  for (const unsigned char byte : std::span(digest).first(length)) {
    text += fmt::format("{:02x}", byte);
  }
  return text;
}

}  // namespace burin::hub
