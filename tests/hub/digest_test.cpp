#include "hub/digest.h"

#include <gtest/gtest.h>

namespace burin::hub {
namespace {

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

std::string digest_of(DigestKind kind, std::string_view text) {
  Digest digest(kind, text.size());
  digest.update(bytes_of(text));
  return digest.hex();
}

// FIPS 180-4's examples.
TEST(Digest, Sha256OfKnownTexts) {
  EXPECT_EQ(digest_of(DigestKind::Sha256, ""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(digest_of(DigestKind::Sha256, "abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

// What `git hash-object` prints.
TEST(Digest, GitSha1OfKnownTexts) {
  EXPECT_EQ(digest_of(DigestKind::GitSha1, ""), "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
  EXPECT_EQ(digest_of(DigestKind::GitSha1, "hello\n"), "ce013625030ba8dba906f756967f9e9ca394464a");
}

TEST(Digest, GoesOnAfterHexAndInCopies) {
  for (const DigestKind kind : {DigestKind::Sha256, DigestKind::GitSha1}) {
    Digest digest(kind, 6);
    digest.update(bytes_of("abc"));
    const std::string half = digest.hex();
    Digest copy = digest;
    copy.update(bytes_of("def"));
    EXPECT_EQ(copy.hex(), digest_of(kind, "abcdef"));
    EXPECT_EQ(digest.hex(), half);
  }
}

TEST(Digest, EtagsAreHexOfTwoLengths) {
  EXPECT_TRUE(is_etag(std::string(40, 'a')));
  EXPECT_TRUE(is_etag(std::string(64, '0')));
  for (const std::string& bad : {std::string(), std::string(39, 'a'), std::string(40, 'A'), std::string(63, 'a'),
                                 "../" + std::string(37, 'a')}) {
    EXPECT_FALSE(is_etag(bad)) << bad;
  }
}

}  // namespace
}  // namespace burin::hub
