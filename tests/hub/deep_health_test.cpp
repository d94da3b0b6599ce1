#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <atomic>

#include "base/error.h"
#include "cache_tree.h"
#include "hub/health.h"
#include "hub/repair.h"

namespace burin::hub {
namespace {

namespace fs = std::filesystem;

class DeepHealth : public CacheTree {
 protected:
  void SetUp() override {
    CacheTree::SetUp();
    etags_ = write_revision(kFolder, kHashA, model_files());
  }

  HealthReport report(HealthDepth depth = HealthDepth::Hashes) const {
    return check_health(resolve_any("a/b", paths_), {.depth = depth});
  }

  /** "VERDICT CODE FILE" of the worst problem. */
  std::string worst(HealthDepth depth = HealthDepth::Hashes) const {
    const HealthReport found = report(depth);
    return found.problems.empty() ? std::string(name(found.verdict))
                                  : std::string(name(found.verdict)) + " " + found.problems.front().code + " " +
                                        found.problems.front().file;
  }

  fs::path blob(const std::string& file) const { return repo_dir(kFolder) / "blobs" / etags_.at(file); }
  fs::path lock(const std::string& file) const {
    return paths_.hub_cache / ".locks" / kFolder / (etags_.at(file) + ".lock");
  }

  static constexpr const char* kFolder = "models--a--b";
  std::map<std::string, std::string> etags_;
};

/** A lock as another process holds it. */
class ForeignLock {
 public:
  explicit ForeignLock(const fs::path& file) {
    fs::create_directories(file.parent_path());
    fd_ = ::open(file.c_str(), O_RDWR | O_CREAT, 0664);
    EXPECT_EQ(::flock(fd_, LOCK_EX | LOCK_NB), 0);
  }
  ~ForeignLock() { ::close(fd_); }

 private:
  int fd_;
};

TEST_F(DeepHealth, ComparesEveryByteWithItsName) {
  EXPECT_EQ(worst(), "ok");
  EXPECT_GT(report().hashed_bytes, 100U);
  std::fstream file(blob("model.safetensors"), std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(-1, std::ios::end);
  file.put('!');
  file.close();
  EXPECT_EQ(worst(HealthDepth::Headers), "ok");
  EXPECT_EQ(worst(), "corrupt hash_mismatch model.safetensors");
  const FileProblem problem = report().problems.front();
  EXPECT_EQ(problem.expected, etags_.at("model.safetensors"));
  EXPECT_EQ(problem.found.size(), 64U);
}

TEST_F(DeepHealth, FindsChangedSmallFilesByGitsHash) {
  std::fstream(blob("tokenizer.json"), std::ios::in | std::ios::out) << "{} ";
  EXPECT_EQ(worst(), "corrupt hash_mismatch tokenizer.json");
}

TEST_F(DeepHealth, SeesBySizeWhatWasCut) {
  fs::resize_file(blob("model.safetensors"), 20);
  EXPECT_EQ(worst(HealthDepth::Headers), "corrupt truncated model.safetensors");
  const FileProblem problem = report(HealthDepth::Headers).problems.front();
  EXPECT_EQ(problem.found, "20");
  write(blob("model.safetensors"), safetensors() + "more");
  EXPECT_EQ(worst(HealthDepth::Headers), "corrupt size_mismatch model.safetensors");
}

TEST_F(DeepHealth, KnowsFromTheListWhatIsMissing) {
  auto files = model_files();
  files["generation_config.json"] = "{}";
  files["README.md"] = "text";
  write_revision(kFolder, kHashB, files);
  const fs::path snapshot = repo_dir(kFolder) / "snapshots" / kHashB;
  fs::remove(snapshot / "README.md");
  EXPECT_EQ(worst(), "ok");
  fs::remove(snapshot / "generation_config.json");
  EXPECT_EQ(worst(), "incomplete missing generation_config.json");
}

TEST_F(DeepHealth, ALinkToNothingIsCorrupt) {
  fs::remove(blob("tokenizer.json"));
  EXPECT_EQ(worst(), "corrupt broken_link tokenizer.json");
}

TEST_F(DeepHealth, ARunningDownloadIsIncompleteWhateverItsFileLooksLike) {
  const fs::path partial = blob("model.safetensors").string() + ".0a1b2c3d.incomplete";
  fs::rename(blob("model.safetensors"), partial);
  fs::remove(repo_dir(kFolder) / "snapshots" / kHashA / "model.safetensors");
  EXPECT_EQ(worst(HealthDepth::Headers), "incomplete download_interrupted model.safetensors");
  const ForeignLock held(lock("model.safetensors"));
  EXPECT_EQ(worst(HealthDepth::Headers), "incomplete download_running model.safetensors");
  EXPECT_NE(report().reason().find("process " + std::to_string(::getpid())), std::string::npos) << report().reason();
}

TEST_F(DeepHealth, AWrongFileWhoseLockIsHeldIsIncomplete) {
  fs::resize_file(blob("model.safetensors"), 20);
  const ForeignLock held(lock("model.safetensors"));
  EXPECT_EQ(worst(), "incomplete download_running model.safetensors");
}

TEST_F(DeepHealth, PartialsOfOtherRevisionsDoNotCount) {
  write(repo_dir(kFolder) / "blobs" / (std::string(64, 'd') + ".00000000.incomplete"), "x");
  EXPECT_EQ(worst(), "ok");
  fs::remove(repo_dir(kFolder) / "trees" / (kHashA + ".json"));
  EXPECT_EQ(worst(), "incomplete download_interrupted blobs/" + std::string(64, 'd'));
}

TEST_F(DeepHealth, ARepoWithoutARevisionIsIncomplete) {
  write(repo_dir(kFolder) / "refs" / "main", kHashB);
  EXPECT_EQ(worst(), "incomplete no_revision refs/main");
}

TEST_F(DeepHealth, WhatHasNoHashCannotBeVerified) {
  write_model(root_ / "models" / "m");
  const HealthReport found = check_health(resolve_any("m", paths_), {.depth = HealthDepth::Hashes});
  EXPECT_EQ(found.verdict, Verdict::Unverifiable);
  EXPECT_TRUE(found.healthy());
  EXPECT_EQ(found.reason(), "");
}

TEST_F(DeepHealth, AListThatIsNoneIsSaid) {
  const fs::path list = repo_dir(kFolder) / "trees" / (kHashA + ".json");
  for (const char* text : {"", "[]", R"({"format_version":2,"files":{}})", R"({"format_version":1,"files":{"a":7}})",
                           R"({"format_version":1,"files":{"a":{"size":-1,"blob_id":"../../x"}}})"}) {
    write(list, text);
    EXPECT_EQ(worst(), "unverifiable list_invalid trees") << text;
  }
}

TEST_F(DeepHealth, NamesOfTheListReachNoFile) {
  write(repo_dir(kFolder) / "trees" / (kHashA + ".json"),
        R"({"format_version":1,"files":{"../../../../etc/passwd.json":{"size":1,"blob_id":")" + std::string(40, 'e') +
            R"("}}})");
  EXPECT_EQ(worst(HealthDepth::Headers), "ok");
}

TEST_F(DeepHealth, FollowsTwoHopsIntoTheSharedStore) {
  const std::string entry(64, 'f');
  const fs::path payload = paths_.hub_cache / "blobs" / "ff" / entry;
  fs::create_directories(payload.parent_path());
  fs::rename(blob("model.safetensors"), payload);
  fs::create_symlink("../../blobs/ff/" + entry, blob("model.safetensors"));
  EXPECT_EQ(worst(), "ok");
  std::ofstream(payload, std::ios::app) << "x";
  EXPECT_EQ(worst(), "corrupt size_mismatch model.safetensors");
}

TEST_F(DeepHealth, EndsWhenCancelled) {
  const std::atomic<bool> cancelled = true;
  try {
    check_health(resolve_any("a/b", paths_), {.depth = HealthDepth::Hashes, .cancelled = &cancelled});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::Cancelled);
  }
}

TEST_F(DeepHealth, SaysWhatADownloadHasToBring) {
  std::fstream(blob("tokenizer.json"), std::ios::in | std::ios::out) << "{ ";
  fs::remove(repo_dir(kFolder) / "snapshots" / kHashA / "config.json");
  const ResolvedModel model = resolve_any("a/b", paths_);
  const HealthReport found = report();
  ASSERT_TRUE(is_repairable(model, found));
  const PullRequest request = repair_request(model, found);
  EXPECT_EQ(request.model, "a/b");
  EXPECT_EQ(request.revision, kHashA);
  EXPECT_EQ(request.include, (std::vector<std::string>{"config.json", "tokenizer.json"}));
  EXPECT_TRUE(request.check_all);
  write_model(root_ / "models" / "m");
  EXPECT_THROW(repair_request(resolve_any("m", paths_), found), Error);
}

}  // namespace
}  // namespace burin::hub
