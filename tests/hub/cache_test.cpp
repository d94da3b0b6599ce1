#include "hub/cache.h"

#include <gmock/gmock.h>

#include "cache_tree.h"

namespace burin::hub {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(RepoName, FollowsTheHubsRules) {
  for (const char* name : {"gpt2", "mlx-community/Qwen3-4B", "a/b.c_d-e"}) {
    EXPECT_TRUE(is_repo_name(name)) << name;
  }
  for (const char* name : {"", ".", "..", "a/..", "../a", "a/b/c", "/a", "a/", "a--b", "-a", ".a", "a.", "a b", "x.git",
                           "a\nb", "a%2fb", "~", "a\\b"}) {
    EXPECT_FALSE(is_repo_name(name)) << name;
  }
  EXPECT_FALSE(is_repo_name(std::string(97, 'a')));
  EXPECT_FALSE(is_repo_name(std::string("a\0b", 3)));
}

TEST_F(CacheTree, ListsReposWithRefsAndSnapshots) {
  write_repo("models--mlx-community--tiny");
  write(repo_dir("models--mlx-community--tiny") / "refs" / "refs" / "pr" / "1", kHashA + "\n");
  write_repo("models--gpt2", kHashB);
  const std::vector<CachedRepo> repos = scan_cache(paths_.hub_cache);
  ASSERT_EQ(repos.size(), 2U);
  EXPECT_EQ(repos[0].name, "gpt2");
  EXPECT_EQ(repos[1].name, "mlx-community/tiny");
  EXPECT_THAT(repos[1].snapshots, ElementsAre(kHashA));
  EXPECT_EQ(repos[1].refs.at("refs/pr/1"), kHashA);
  EXPECT_EQ(repos[1].default_snapshot(), kHashA);
}

TEST_F(CacheTree, PassesOverWhatIsNoModelRepo) {
  for (const char* folder : {"datasets--a--b", "models--", "models--..--x", "models--a--b--c", ".locks", "blobs"}) {
    std::filesystem::create_directories(repo_dir(folder));
  }
  write(paths_.hub_cache / "models--a--file", "x");
  EXPECT_THAT(scan_cache(paths_.hub_cache), IsEmpty());
  EXPECT_THAT(scan_cache(root_ / "missing"), IsEmpty());
  EXPECT_THAT(scan_cache(""), IsEmpty());
}

TEST_F(CacheTree, TrustsNoRefThatIsNoHash) {
  write_repo("models--a--b");
  for (const char* content : {"../../../etc", "", "main", "/etc/passwd"}) {
    write(repo_dir("models--a--b") / "refs" / "main", content);
    EXPECT_THAT(find_repo(paths_.hub_cache, "a/b")->refs, IsEmpty()) << content;
  }
  write(repo_dir("models--a--b") / "refs" / "main", std::string(1000000, 'a'));
  EXPECT_THAT(find_repo(paths_.hub_cache, "a/b")->refs, IsEmpty());
}

TEST_F(CacheTree, NeedsTheSnapshotThatMainNames) {
  write_repo("models--a--b");
  write(repo_dir("models--a--b") / "refs" / "main", kHashB);
  EXPECT_EQ(find_repo(paths_.hub_cache, "a/b")->default_snapshot(), std::nullopt);
  std::filesystem::remove(repo_dir("models--a--b") / "refs" / "main");
  EXPECT_EQ(find_repo(paths_.hub_cache, "a/b")->default_snapshot(), kHashA);
  write_repo("models--a--b", kHashB);
  std::filesystem::remove(repo_dir("models--a--b") / "refs" / "main");
  EXPECT_EQ(find_repo(paths_.hub_cache, "a/b")->default_snapshot(), std::nullopt);
}

TEST_F(CacheTree, FindsNoRepoOutsideTheCache) {
  write_model(root_ / "secret");
  EXPECT_FALSE(find_repo(paths_.hub_cache, "../secret"));
  EXPECT_FALSE(find_repo(paths_.hub_cache, "a/../../secret"));
}

TEST_F(CacheTree, ListsTheModelHome) {
  write_model(paths_.model_home / "starter");
  write_model(paths_.model_home / "me" / "tuned");
  std::filesystem::create_directories(paths_.model_home / "empty");
  write_model(paths_.model_home / ".import-1");
  write(paths_.model_home / "notes.txt", "x");
  EXPECT_THAT(scan_model_home(paths_.model_home), ElementsAre("empty", "me/tuned", "starter"));
}

}  // namespace
}  // namespace burin::hub
