#include "hub/remove.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/error.h"
#include "cache_tree.h"
#include "hub/cache.h"
#include "hub/health.h"
#include "hub/repo_blobs.h"

namespace burin::hub {
namespace {

namespace fs = std::filesystem;

class Remove : public CacheTree {
 protected:
  RemovalResult remove(const std::string& spec) const {
    return remove_model(plan_removal(find_model_name(spec, paths_), paths_), paths_);
  }

  size_t blobs() const {
    const fs::path folder = repo_dir(kFolder) / "blobs";
    return static_cast<size_t>(std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
  }

  bool is_healthy(const std::string& spec) const {
    return check_health(resolve_any(spec, paths_), {.depth = HealthDepth::Hashes}).verdict == Verdict::Ok;
  }

  /** A blob moved into the shared store, with these repos in its manifest. */
  fs::path share(const std::string& etag, const std::vector<std::string>& folders) const {
    const std::string entry(64, 'f');
    const fs::path payload = paths_.hub_cache / "blobs" / "ff" / entry;
    write(paths_.hub_cache / "blobs" / ".huggingface-shared-blobs", "1\n");
    std::string lines;
    for (const std::string& folder : folders) {
      const fs::path blob = repo_dir(folder) / "blobs" / etag;
      fs::create_directories(payload.parent_path());
      fs::rename(blob, payload);
      fs::create_symlink("../../blobs/ff/" + entry, blob);
      lines += folder + "/blobs/" + etag + "\n";
    }
    write(payload.string() + ".refs", lines);
    return payload;
  }

  static constexpr const char* kFolder = "models--a--b";
};

TEST_F(Remove, AWholeModelLeavesNothing) {
  write_revision(kFolder, kHashA, model_files());
  write(paths_.hub_cache / ".locks" / kFolder / "x.lock", "");
  const RemovalResult result = remove("a/b");
  EXPECT_GT(result.freed_bytes, 200U);
  EXPECT_EQ(result.lock_files_cleaned, 1U);
  EXPECT_FALSE(fs::exists(repo_dir(kFolder)));
  EXPECT_TRUE(fs::is_empty(paths_.hub_cache / ".locks"));
}

TEST_F(Remove, OneRevisionKeepsWhatTheOtherNeeds) {
  const auto a = write_revision(kFolder, kHashA, model_files());
  const auto b = write_revision(kFolder, kHashB, model_files("y"));
  write(repo_dir(kFolder) / "refs" / "refs" / "pr" / "1", kHashA);
  write(repo_dir(kFolder) / ".no_exist" / kHashA / "x.json", "");
  EXPECT_EQ(blobs(), 5U);
  const RemovalPlan plan = plan_removal(find_model_name("a/b@" + kHashA.substr(0, 4), paths_), paths_);
  EXPECT_EQ(plan.refs, std::vector<std::string>{"refs/pr/1"});
  EXPECT_EQ(plan.freed_bytes, model_files().at("model.safetensors").size());
  EXPECT_GT(plan.kept_bytes, 0U);
  EXPECT_EQ(remove_model(plan, paths_).freed_bytes, plan.freed_bytes);
  EXPECT_EQ(blobs(), 4U);
  EXPECT_TRUE(is_healthy("a/b"));
  for (const char* gone : {"refs/refs", "snapshots/", "trees/", ".no_exist/"}) {
    const std::string path = std::string(gone).ends_with("/") ? gone + kHashA : gone;
    EXPECT_FALSE(fs::exists(repo_dir(kFolder) / path)) << path;
  }
}

TEST_F(Remove, TheDefaultRevisionTakesItsRef) {
  write_revision(kFolder, kHashB, model_files("y"));
  write_revision(kFolder, kHashA, model_files());
  remove("a/b@main");
  EXPECT_FALSE(fs::exists(repo_dir(kFolder) / "refs" / "main"));
  EXPECT_EQ(resolve_model("a/b", paths_).hash, kHashB);
  remove("a/b@" + kHashB);
  EXPECT_FALSE(fs::exists(repo_dir(kFolder)));
}

TEST_F(Remove, ModelsWithoutARevisionGoToo) {
  write(repo_dir(kFolder) / "refs" / "main", kHashA);
  remove("a/b");
  EXPECT_FALSE(fs::exists(repo_dir(kFolder)));
}

TEST_F(Remove, ARunningDownloadIsNotDisturbed) {
  write_revision(kFolder, kHashA, model_files());
  const fs::path lock = paths_.hub_cache / ".locks" / kFolder / (kHashA + ".lock");
  write(lock, "");
  const int fd = ::open(lock.c_str(), O_RDWR);
  ASSERT_EQ(::flock(fd, LOCK_EX), 0);
  for (const std::string& spec : {std::string("a/b"), "a/b@" + kHashA}) {
    try {
      remove(spec);
      FAIL();
    } catch (const Error& error) {
      EXPECT_EQ(error.type(), "locks_present");
      EXPECT_EQ(error.code(), ErrorCode::Busy);
      EXPECT_EQ(error.facts().at("lock_files"), "[\"" + kHashA + ".lock\"]");
    }
  }
  EXPECT_TRUE(is_healthy("a/b"));
  ::close(fd);
  remove("a/b");
  EXPECT_FALSE(fs::exists(repo_dir(kFolder)));
}

TEST_F(Remove, TheSharedStoreLosesWhatNobodyNeeds) {
  const auto a = write_revision(kFolder, kHashA, model_files());
  write_revision("models--a--c", kHashA, model_files());
  const fs::path payload = share(a.at("model.safetensors"), {kFolder, "models--a--c"});
  EXPECT_EQ(plan_removal(find_model_name("a/b", paths_), paths_).freed_bytes,
            bytes_below(repo_dir(kFolder)));  // the store keeps it for the other model
  remove("a/b");
  EXPECT_TRUE(fs::exists(payload));
  EXPECT_TRUE(is_healthy("a/c"));
  const RemovalPlan plan = plan_removal(find_model_name("a/c", paths_), paths_);
  EXPECT_EQ(plan.freed_bytes, bytes_below(repo_dir("models--a--c")) + fs::file_size(payload));
  EXPECT_EQ(remove_model(plan, paths_).freed_bytes, plan.freed_bytes);
  EXPECT_FALSE(fs::exists(payload));
  EXPECT_FALSE(fs::exists(payload.string() + ".refs"));
}

TEST_F(Remove, TheSharedStoreIsLeftAloneWhenInDoubt) {
  const auto a = write_revision(kFolder, kHashA, model_files());
  const fs::path payload = share(a.at("model.safetensors"), {kFolder});
  fs::remove(payload.string() + ".refs");
  remove("a/b");
  EXPECT_TRUE(fs::exists(payload));
}

TEST_F(Remove, AKilledRemovalIsFinishedByTheNext) {
  const auto a = write_revision(kFolder, kHashA, model_files());
  write_revision(kFolder, kHashB, model_files("y"));
  const fs::path trash = paths_.hub_cache / ".locks" / ".trash-1-00000000";
  fs::create_directories(trash / "revision" / kFolder);
  fs::rename(repo_dir(kFolder) / "snapshots" / kHashA, trash / "revision" / kFolder / kHashA);
  write_revision("models--a--c", kHashA, model_files());
  const fs::path payload = share(a.at("model.safetensors"), {"models--a--c"});
  const fs::path other = paths_.hub_cache / ".locks" / ".trash-2-00000000";
  fs::create_directories(other / "whole");
  fs::rename(repo_dir("models--a--c"), other / "whole" / "models--a--c");
  write(paths_.model_home / ".trash-3-00000000" / "model" / "config.json", "{}");
  EXPECT_GT(finish_removals(paths_), 0U);
  EXPECT_EQ(blobs(), 4U);
  EXPECT_TRUE(is_healthy("a/b"));
  for (const fs::path& gone : {trash, other, payload, paths_.model_home / ".trash-3-00000000"}) {
    EXPECT_FALSE(fs::exists(gone)) << gone;
  }
}

TEST_F(Remove, WhatAnotherRemovalWorksOnStays) {
  const fs::path trash = paths_.hub_cache / ".locks" / ".trash-1-00000000";
  fs::create_directories(trash / "whole" / kFolder);
  const int fd = ::open(trash.c_str(), O_RDONLY | O_DIRECTORY);
  ASSERT_EQ(::flock(fd, LOCK_EX), 0);
  finish_removals(paths_);
  EXPECT_TRUE(fs::exists(trash));
  ::close(fd);
  finish_removals(paths_);
  EXPECT_FALSE(fs::exists(trash));
}

TEST_F(Remove, ModelsOfTheHomeGoWithTheirEmptyFolder) {
  write_model(paths_.model_home / "org" / "m");
  write_model(paths_.model_home / "m2");
  remove("org/m");
  EXPECT_FALSE(fs::exists(paths_.model_home / "org"));
  EXPECT_TRUE(fs::exists(paths_.model_home / "m2"));
}

TEST_F(Remove, LinksInAFolderAreNotFollowed) {
  write_model(root_ / "precious");
  write_model(paths_.model_home / "m");
  fs::create_directory_symlink(root_ / "precious", paths_.model_home / "m" / "link");
  fs::create_directory_symlink(root_ / "precious", paths_.model_home / "linked");
  remove("m");
  remove("linked");
  EXPECT_TRUE(fs::exists(root_ / "precious" / "config.json"));
}

TEST_F(Remove, ABlobThatADownloadJustBroughtStays) {
  const auto a = write_revision(kFolder, kHashA, model_files());
  write_revision(kFolder, kHashB, model_files());
  fs::remove_all(repo_dir(kFolder) / "snapshots" / kHashA);
  EXPECT_EQ(drop_blobs(repo_dir(kFolder), {a.at("config.json"), "../refs/main", "nonsense"}), 0U);
  EXPECT_TRUE(is_healthy("a/b@" + kHashB));
}

}  // namespace
}  // namespace burin::hub
