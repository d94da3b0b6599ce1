#include "hub/cache_writer.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thread>

#include "base/error.h"
#include "base/file.h"
#include "cache_tree.h"
#include "hub/cache_lock.h"
#include "hub/curl_library.h"

namespace burin::hub {
namespace {

namespace fs = std::filesystem;

class Writer : public CacheTree {
 protected:
  CacheWriter writer(const std::string& revision = "main", bool symlinks = true) const {
    return CacheWriter({.hub_cache = paths_.hub_cache,
                        .repo = "org/tiny",
                        .commit = kHashA,
                        .revision = revision,
                        .symlinks = symlinks});
  }
  fs::path repo() const { return paths_.hub_cache / "models--org--tiny"; }
  RepoFile blob(const std::string& path, const std::string& content = "text") const {
    write(repo() / "blobs" / kHashB, content);
    return {.path = path, .size = content.size(), .blob_id = kHashB};
  }
  static bool is_there(const fs::path& path) { return fs::exists(fs::symlink_status(path)); }
};

TEST_F(Writer, MakesANewRepositoryAtOnce) {
  writer().open();
  EXPECT_TRUE(fs::is_directory(repo() / "snapshots" / kHashA));
  EXPECT_TRUE(fs::is_directory(repo() / "blobs"));
  EXPECT_TRUE(fs::is_directory(repo() / "refs"));
  EXPECT_TRUE(fs::is_directory(paths_.hub_cache / ".locks" / "models--org--tiny"));
  EXPECT_EQ(entries_of(paths_.hub_cache / ".locks").size(), 1U);
  EXPECT_EQ(read_file(paths_.hub_cache / "CACHEDIR.TAG", 1000).substr(0, 10), "Signature:");
}

TEST_F(Writer, NeedsNoRefForACommit) {
  CacheWriter cache = writer(kHashA);
  cache.open();
  cache.write_ref();
  EXPECT_FALSE(is_there(repo() / "refs"));
}

TEST_F(Writer, LinksAcrossFolders) {
  CacheWriter cache = writer();
  cache.open();
  const RepoFile file = blob("a/b/c.json");
  cache.place(file, true);
  EXPECT_EQ(fs::read_symlink(cache.snapshot_dir() / "a/b/c.json"), "../../../../blobs/" + kHashB);
  EXPECT_TRUE(cache.has_file(file));
  EXPECT_EQ(entries_of(repo()).size(), 3U);
}

TEST_F(Writer, ReplacesALinkThatIsThere) {
  CacheWriter cache = writer();
  cache.open();
  write(cache.snapshot_dir() / "x", "old");
  cache.place(blob("x"), true);
  EXPECT_EQ(read_file(cache.snapshot_dir() / "x", 10), "text");
}

TEST_F(Writer, WithoutSymlinksMovesNewContentAndCopiesOld) {
  CacheWriter cache = writer("main", false);
  cache.open();
  cache.place(blob("old"), false);
  EXPECT_TRUE(is_there(repo() / "blobs" / kHashB));
  cache.place(blob("new"), true);
  EXPECT_FALSE(is_there(repo() / "blobs" / kHashB));
  EXPECT_EQ(read_file(cache.snapshot_dir() / "old", 10), "text");
  EXPECT_EQ(read_file(cache.snapshot_dir() / "new", 10), "text");
}

TEST_F(Writer, DoesNotFollowASymlinkInTheSnapshot) {
  CacheWriter cache = writer();
  cache.open();
  fs::create_directories(paths_.hub_cache / "elsewhere");
  fs::create_symlink(paths_.hub_cache / "elsewhere", cache.snapshot_dir() / "sub");
  EXPECT_THROW(cache.place(blob("sub/x"), true), Error);
  EXPECT_TRUE(entries_of(paths_.hub_cache / "elsewhere").empty());
}

TEST_F(Writer, WritesRefsWithoutANewline) {
  CacheWriter cache = writer("refs/pr/1");
  cache.open();
  cache.write_ref();
  EXPECT_EQ(read_file(repo() / "refs/refs/pr/1", 100), kHashA);
  EXPECT_EQ(cache.read_ref(), kHashA);
  EXPECT_EQ(entries_of(repo() / "refs/refs/pr").size(), 1U);
}

TEST_F(Writer, WritesTheListingForItselfAlone) {
  CacheWriter cache = writer();
  cache.open();
  cache.write_tree({blob("x")});
  const fs::path file = repo() / "trees" / (kHashA + ".json");
  struct stat info{};
  ASSERT_EQ(::stat(file.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0600U);
  EXPECT_EQ(cache.read_tree()->size(), 1U);
}

TEST_F(Writer, RemembersWhatIsNotThere) {
  CacheWriter cache = writer();
  cache.open();
  cache.write_no_exist("a/b");
  EXPECT_EQ(read_file(repo() / ".no_exist" / kHashA / "a/b", 10), "");
}

TEST_F(Writer, RemovesWhatDeadProcessesLeft) {
  writer().open();
  write(repo() / ".burin-999999999-aa", "");
  write(repo() / (".burin-" + std::to_string(::getpid()) + "-bb"), "");
  fs::create_directories(paths_.hub_cache / ".locks/.new-999999999-cc/snapshots" / kHashA);
  fs::remove_all(paths_.hub_cache / "models--org--other");
  CacheWriter({.hub_cache = paths_.hub_cache, .repo = "org/other", .commit = kHashA, .revision = "main"}).open();
  writer().open();
  EXPECT_FALSE(is_there(repo() / ".burin-999999999-aa"));
  EXPECT_TRUE(is_there(repo() / (".burin-" + std::to_string(::getpid()) + "-bb")));
  EXPECT_EQ(entries_of(paths_.hub_cache / ".locks").size(), 2U);
}

TEST_F(Writer, RefusesRevisionsThatArePaths) {
  for (const char* revision : {"../x", "/x", "a//b", "a\nb"}) {
    EXPECT_THROW(check_revision(revision), Error) << revision;
  }
  EXPECT_NO_THROW(check_revision("refs/pr/1"));
}

TEST_F(Writer, LockIsSeenByFlock) {
  writer().open();
  const fs::path file = writer().lock_file(blob("x"));
  const std::atomic<bool> cancel{false};
  {
    const CacheLock lock(file, cancel, [] {});
    const int fd = ::open(file.c_str(), O_RDWR);
    EXPECT_NE(::flock(fd, LOCK_EX | LOCK_NB), 0);
    ::close(fd);
    struct stat info{};
    ASSERT_EQ(::stat(file.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777U, 0664U);
  }
  EXPECT_TRUE(is_there(file));
}

TEST_F(Writer, LockWaitsAndIsCancelled) {
  writer().open();
  const fs::path file = writer().lock_file(blob("x"));
  std::atomic<bool> cancel{false};
  const CacheLock held(file, cancel, [] {});
  std::thread canceller([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    cancel = true;
  });
  EXPECT_THROW(CacheLock(file, cancel, [] {}), Error);
  canceller.join();
}

TEST_F(Writer, LockIsNoSymlink) {
  writer().open();
  const fs::path file = writer().lock_file(blob("x"));
  fs::create_symlink(paths_.hub_cache / "victim", file);
  const std::atomic<bool> cancel{false};
  EXPECT_THROW(CacheLock(file, cancel, [] {}), Error);
  EXPECT_FALSE(is_there(paths_.hub_cache / "victim"));
}

TEST(Curl, ThatIsMissingIsAnErrorWithAPackage) {
  constexpr std::array kNone{"libcurl-of-no-machine.so.4"};
  try {
    (void)open_curl(kNone);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::Unsupported);
    EXPECT_NE(error.hint().find("libcurl4"), std::string::npos);
  }
}

}  // namespace
}  // namespace burin::hub
