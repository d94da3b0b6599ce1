#include "hub/clone.h"

#include <sys/stat.h>

#include <algorithm>

#include "base/error.h"
#include "cache_tree.h"
#include "hub/cache.h"
#include "hub/model_info.h"
#include "hub/workspace.h"

namespace burin::hub {
namespace {

namespace fs = std::filesystem;

class Clone : public CacheTree {
 protected:
  void SetUp() override {
    CacheTree::SetUp();
    auto files = model_files();
    files["empty.txt"] = "";
    etags_ = write_revision("models--a--b", kHashA, files);
  }
  CloneResult clone(bool check = true) const {
    return clone_model(resolve_any("a/b", paths_), {.target = target_, .check_health = check});
  }
  Json object() const {
    return model_object(describe_model(resolve_model("mine", paths_), {.runtime = {.supported = {"llama"}}}));
  }
  fs::path blob(const std::string& name) const { return repo_dir("models--a--b") / "blobs" / etags_.at(name); }

  fs::path target_ = paths_.model_home / "mine";
  std::map<std::string, std::string> etags_;
};

TEST_F(Clone, IsAModelOfItsOwn) {
  EXPECT_TRUE(clone().health.healthy());
  const Json got = object();
  EXPECT_EQ(got["origin"], "a/b");
  EXPECT_EQ(got["clean"], true);
  EXPECT_EQ(got["hash_modified"], false);
  const Json cached = model_object(describe_model(resolve_any("a/b", paths_), {.runtime = {.supported = {"llama"}}}));
  EXPECT_EQ(got["content_hash"], cached["content_hash"]);
  EXPECT_EQ(got["content_hash"].get<std::string>().size(), 71U);
  EXPECT_EQ(check_health(resolve_any("mine", paths_), {.depth = HealthDepth::Hashes}).verdict, Verdict::Ok);
}

TEST_F(Clone, SharesNothingWithTheCache) {
  clone();
  for (const auto& entry : fs::recursive_directory_iterator(target_)) {
    EXPECT_FALSE(entry.is_symlink()) << entry.path();
    if (entry.is_regular_file()) {
      EXPECT_EQ(entry.hard_link_count(), 1U) << entry.path();
    }
  }
  write(target_ / "config.json", "{\"changed\":1}");
  EXPECT_EQ(check_health(resolve_any("a/b", paths_), {.depth = HealthDepth::Hashes}).verdict, Verdict::Ok);
  EXPECT_EQ(object()["clean"], false);
  EXPECT_EQ(check_health(resolve_any("mine", paths_), {.depth = HealthDepth::Hashes}).verdict, Verdict::Corrupt);
}

TEST_F(Clone, AFileMoreIsAChange) {
  clone();
  write(target_ / "extra.txt", "x");
  EXPECT_EQ(object()["clean"], false);
}

TEST_F(Clone, WrongBytesAreNotCloned) {
  std::fstream(blob("tokenizer.json"), std::ios::in | std::ios::out) << "{} ";
  try {
    clone();
    GTEST_SKIP() << "this file system shares blocks";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::Corrupt);
  }
  EXPECT_TRUE(fs::is_empty(paths_.model_home));
}

TEST_F(Clone, AnUnhealthySourceIsRefusedUnlessAsked) {
  fs::remove(repo_dir("models--a--b") / "snapshots" / kHashA / "tokenizer.json");
  EXPECT_THROW(clone(), Error);
  EXPECT_FALSE(clone(false).health.healthy());
  EXPECT_TRUE(fs::exists(target_ / "config.json"));
}

TEST_F(Clone, NeverReplaces) {
  write(target_ / "precious", "x");
  EXPECT_THROW(clone(), Error);
  fs::remove_all(target_);
  fs::create_symlink("nowhere", target_);
  EXPECT_THROW(clone(), Error);
}

TEST_F(Clone, AnInterruptedOneLeavesNothing) {
  const std::atomic<bool> cancelled = true;
  EXPECT_THROW(clone_model(resolve_any("a/b", paths_), {.target = target_, .cancelled = &cancelled}), Error);
  EXPECT_TRUE(fs::is_empty(paths_.model_home));
}

TEST_F(Clone, AFolderThatIsBeingFilledIsNoModelYet) {
  write_model(paths_.model_home / "mine.importing-123");
  EXPECT_TRUE(scan_model_home(paths_.model_home).empty());
}

TEST_F(Clone, ABrokenRecordIsNone) {
  clone();
  for (const char* text : {"", "[]", R"({"origin":"a/b"})", R"({"origin":"../x","files":[]})",
                           R"({"origin":"a/b","files":[{"name":"x","size_bytes":1,"modified_ns":1,"etag":"../x"}]})"}) {
    write(target_ / ".burin" / "workspace.json", text);
    EXPECT_FALSE(read_workspace(target_).has_value()) << text;
    EXPECT_EQ(object()["clean"], nullptr);
  }
}

}  // namespace
}  // namespace burin::hub
