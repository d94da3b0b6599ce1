#include "hub/partial.h"

#include <sys/file.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"
#include "cache_tree.h"
#include "hub/hash_follower.h"
#include "hub/journal.h"

namespace burin::hub {
namespace {

namespace fs = std::filesystem;

const std::string kContent = "a body of some length";

class Partials : public CacheTree {
 protected:
  void SetUp() override {
    CacheTree::SetUp();
    fs::create_directories(place_.blobs_dir);
  }
  static void write(Partial& partial, const std::string& text, uint64_t at = 0) {
    partial.write_at(at, std::as_bytes(std::span(text)));
    partial.note(at + text.size(), 0);
  }
  size_t files() const { return entries_of(place_.blobs_dir).size(); }
  fs::path only_file() const { return entries_of(place_.blobs_dir).at(0); }

  fs::path state_ = paths_.hub_cache / "state";
  BlobPlace place_{.blobs_dir = paths_.hub_cache / "blobs",
                   .state_dir = state_,
                   .etag = etag_of(kContent, DigestKind::Sha256),
                   .size = kContent.size()};
};

TEST_F(Partials, BecomeTheBlob) {
  Partial partial(place_, true);
  EXPECT_EQ(partial.inherited(), 0U);
  EXPECT_TRUE(is_partial_name(only_file().filename().string(), place_.etag));
  write(partial, kContent);
  partial.publish();
  EXPECT_EQ(files(), 1U);
  EXPECT_EQ(read_file(place_.blobs_dir / place_.etag, 100), kContent);
  EXPECT_TRUE(entries_of(state_ / "pulls").empty());
}

TEST_F(Partials, AreResumedByTheNextRun) {
  {
    Partial partial(place_, true);
    write(partial, kContent.substr(0, 7));
  }
  const fs::path before = only_file();
  Partial partial(place_, true);
  EXPECT_EQ(partial.inherited(), 7U);
  EXPECT_EQ(files(), 1U);
  EXPECT_NE(only_file(), before);
  write(partial, kContent.substr(7), 7);
  partial.publish();
  EXPECT_EQ(read_file(place_.blobs_dir / place_.etag, 100), kContent);
}

TEST_F(Partials, AreCountedWithoutBeingTaken) {
  EXPECT_EQ(resumable_bytes(place_), 0U);
  {
    Partial partial(place_, true);
    write(partial, kContent.substr(0, 7));
  }
  const fs::path before = only_file();
  EXPECT_EQ(resumable_bytes(place_), 7U);
  EXPECT_EQ(only_file(), before);
  fs::remove(before);
  EXPECT_EQ(resumable_bytes(place_), 0U);
}

TEST_F(Partials, AreNotTakenFromAWriterThatLives) {
  Partial first(place_, true);
  write(first, "abc");
  Partial second(place_, true);
  EXPECT_EQ(second.inherited(), 0U);
  EXPECT_EQ(files(), 2U);
}

TEST_F(Partials, AreFoundUnderTheNameTheyHadBeforeAKill) {
  {
    Partial partial(place_, true);
    write(partial, "abc");
  }
  const Journal journal(state_, place_.blobs_dir, place_.etag);
  auto entry = journal.read(place_.etag, place_.size);
  ASSERT_TRUE(entry);
  entry->previous = std::exchange(entry->partial, place_.etag + ".00000000.incomplete");
  journal.write(*entry);
  EXPECT_EQ(Partial(place_, true).inherited(), 3U);
}

TEST_F(Partials, AfterARebootCountOnlyWhatWasFlushed) {
  JournalEntry entry{.size = 200, .written = 100, .durable = 64, .boot_id = "this"};
  EXPECT_EQ(entry.trusted("this", 150), 150U);
  EXPECT_EQ(entry.trusted("this", 900), 200U);
  EXPECT_EQ(entry.trusted("another", 150), 64U);
  EXPECT_EQ(entry.trusted("another", 50), 50U);
  entry.holes = true;
  EXPECT_EQ(entry.trusted("this", 150), 100U);
  entry.boot_id.clear();
  EXPECT_EQ(entry.trusted("", 150), 64U);
}

TEST_F(Partials, OfOthersAreLeftAlone) {
  CacheTree::write(place_.blobs_dir / (place_.etag + ".12345678.incomplete"), "holes");
  Partial partial(place_, true);
  EXPECT_EQ(partial.inherited(), 0U);
  EXPECT_EQ(files(), 2U);
}

TEST_F(Partials, AreNotResumedThroughASymlink) {
  {
    Partial partial(place_, true);
    write(partial, "abc");
  }
  CacheTree::write(paths_.hub_cache / "victim", "precious");
  const fs::path name = only_file();
  fs::remove(name);
  fs::create_symlink(paths_.hub_cache / "victim", name);
  EXPECT_EQ(Partial(place_, true).inherited(), 0U);
  EXPECT_EQ(read_file(paths_.hub_cache / "victim", 100), "precious");
}

TEST_F(Partials, KeepNoNotesWithoutAStateFolder) {
  place_.state_dir.clear();
  {
    Partial partial(place_, true);
    write(partial, "abc");
  }
  EXPECT_EQ(Partial(place_, true).inherited(), 0U);
}

TEST_F(Partials, TooShortAreNotPublished) {
  Partial partial(place_, true);
  write(partial, "abc");
  EXPECT_THROW(partial.publish(), Error);
  EXPECT_FALSE(fs::exists(place_.blobs_dir / place_.etag));
}

TEST_F(Partials, SayWhatTheDiskLacks) {
  try {
    check_disk_space(paths_.hub_cache, uint64_t{1} << 60);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::ResourceExhausted);
    EXPECT_EQ(error.facts().at("needed_bytes"), std::to_string(uint64_t{1} << 60));
    EXPECT_GT(std::stoull(error.facts().at("free_bytes")), 0U);
  }
}

TEST_F(Partials, JournalsOfAnotherShapeAreNone) {
  const Journal journal(state_, place_.blobs_dir, place_.etag);
  journal.write({.partial = "../../etc/passwd", .etag = place_.etag, .size = place_.size});
  EXPECT_FALSE(journal.read(place_.etag, place_.size));
  journal.write({.partial = place_.etag + ".00000000.incomplete",
                 .etag = place_.etag,
                 .size = place_.size,
                 .written = place_.size + 1});
  EXPECT_FALSE(journal.read(place_.etag, place_.size));
  journal.write({.partial = place_.etag + ".00000000.incomplete", .etag = place_.etag, .size = place_.size});
  EXPECT_TRUE(journal.read(place_.etag, place_.size));
  EXPECT_FALSE(journal.read(place_.etag, place_.size + 1));
}

TEST_F(Partials, AreHashedWhileTheyGrow) {
  Partial partial(place_, true);
  HashFollower hash(partial.fd(), DigestKind::Sha256, place_.size);
  for (size_t i = 0; i < kContent.size(); ++i) {
    write(partial, kContent.substr(i, 1), i);
    hash.advance(i + 1);
  }
  EXPECT_EQ(hash.finish(), place_.etag);
}

TEST_F(Partials, EndAHashThatIsNotFinished) {
  Partial partial(place_, true);
  const HashFollower hash(partial.fd(), DigestKind::Sha256, place_.size);
}

}  // namespace
}  // namespace burin::hub
