#include "hub/resolve.h"

#include <gmock/gmock.h>

#include "base/error.h"
#include "base/json.h"
#include "cache_tree.h"

namespace burin::hub {
namespace {

class Resolve : public CacheTree {
 protected:
  ResolvedModel resolve(const std::string& spec) const { return resolve_model(spec, paths_); }

  /** The error that `spec` ends in. */
  Error failure(const std::string& spec) const {
    try {
      const ResolvedModel model = resolve(spec);
      ADD_FAILURE() << spec << " became " << model.dir;
    } catch (const Error& error) {
      return error;
    }
    return Error(ErrorCode::Internal, "test", "no error");
  }
};

TEST_F(Resolve, TakesPathsFirst) {
  write_model(root_ / "user" / "model");
  EXPECT_EQ(resolve((root_ / "user" / "model").string()).dir, root_ / "user" / "model");
  EXPECT_EQ(resolve("~/model").dir, root_ / "user" / "model");
  EXPECT_FALSE(resolve("~/model").cached);
  EXPECT_EQ(failure("./nothing-here").type(), "model_not_found");
  EXPECT_EQ(failure("/dev/null").type(), "model_not_found");
}

TEST_F(Resolve, PrefersTheModelHomeToTheCache) {
  write_model(paths_.model_home / "tiny");
  const auto snapshot = write_repo("models--tiny");
  EXPECT_EQ(resolve("tiny").dir, paths_.model_home / "tiny");
  write_repo("models--mlx-community--tiny");
  EXPECT_EQ(resolve("mlx-community/tiny").dir, repo_dir("models--mlx-community--tiny") / "snapshots" / kHashA);
  std::filesystem::remove_all(paths_.model_home / "tiny");
  EXPECT_EQ(resolve("tiny").dir, snapshot);
}

TEST_F(Resolve, PutsMlxCommunityInFrontOfABareName) {
  write_repo("models--mlx-community--Tiny");
  write_repo("models--other--Tiny-2");
  const ResolvedModel model = resolve("Tiny");
  EXPECT_EQ(model.name, "mlx-community/Tiny");
  EXPECT_EQ(model.hash, kHashA);
  EXPECT_TRUE(model.cached);
}

TEST_F(Resolve, TakesAUniquePartInAnyCase) {
  write_repo("models--org--Qwen3-4B");
  write_model(paths_.model_home / "starter");
  EXPECT_EQ(resolve("qWEN3").name, "org/Qwen3-4B");
  EXPECT_EQ(resolve("tart").name, "starter");
}

TEST_F(Resolve, ListsAllMatchesOfAnAmbiguousPart) {
  write_repo("models--org--Qwen3-4B");
  write_repo("models--org--Qwen3-8B");
  write_model(paths_.model_home / "qwen3-tuned");
  const Error error = failure("QWEN3");
  EXPECT_EQ(error.code(), ErrorCode::Ambiguous);
  EXPECT_EQ(error.type(), "ambiguous_match");
  EXPECT_EQ(error.facts().at("matches"), R"(["org/Qwen3-4B","org/Qwen3-8B","qwen3-tuned"])");
  EXPECT_NE(error.message().find("3 models: org/Qwen3-4B, org/Qwen3-8B, qwen3-tuned"), std::string::npos);
}

TEST_F(Resolve, PinsARevision) {
  write_repo("models--a--b", kHashA);
  write_repo("models--a--b", kHashB);
  EXPECT_EQ(resolve("a/b").hash, kHashB);
  EXPECT_EQ(resolve("a/b@aaa").hash, kHashA);
  EXPECT_EQ(resolve("a/b@main").hash, kHashB);
  EXPECT_EQ(resolve("B@" + kHashA).hash, kHashA);
  EXPECT_EQ(failure("a/b@a").type(), "ambiguous_match");
  const Error missing = failure("a/b@fff");
  EXPECT_EQ(missing.type(), "hash_not_found");
  EXPECT_EQ(parse_json(missing.facts().at("available_hashes"), "fact").size(), 2U);
  EXPECT_EQ(failure("a/b@../../blobs").type(), "hash_not_found");
}

TEST_F(Resolve, KnowsNoRevisionsInTheModelHome) {
  write_model(paths_.model_home / "starter");
  EXPECT_EQ(failure("starter@abc").type(), "hash_not_found");
}

TEST_F(Resolve, NamesNearModelsWhenThereIsNone) {
  write_model(paths_.model_home / "starter");
  EXPECT_EQ(failure("startre").type(), "model_not_found");
  EXPECT_EQ(failure("startre").hint(), "did you mean starter?");
  EXPECT_NE(failure("zzzzzzzzz").hint().find("burin list"), std::string::npos);
}

TEST_F(Resolve, SaysThatADownloadIsIncomplete) {
  std::filesystem::create_directories(repo_dir("models--a--b") / "refs");
  EXPECT_EQ(failure("a/b").type(), "model_not_found");
  EXPECT_NE(failure("a/b").message().find("a/b"), std::string::npos);
}

TEST_F(Resolve, NeverLeavesItsFolders) {
  write_model(root_ / "secret");
  write_model(paths_.model_home / "starter");
  for (const std::string& spec :
       {std::string("..\\secret"), std::string("starter/../../secret"), std::string("a/../../secret"),
        std::string("models--x"), std::string("%2e%2e/secret"), std::string(), std::string("@"), std::string("@main"),
        std::string("x\0y", 3), std::string(100000, 'a')}) {
    EXPECT_EQ(failure(spec).code(), ErrorCode::NotFound) << spec.substr(0, 40);
  }
}

TEST_F(Resolve, ListsHomeAndCache) {
  write_model(paths_.model_home / "starter");
  write_repo("models--a--b");
  std::filesystem::create_directories(repo_dir("models--a--empty"));
  const std::vector<ResolvedModel> models = all_models(paths_);
  ASSERT_EQ(models.size(), 3U);
  EXPECT_EQ(models[0].name, "starter");
  EXPECT_EQ(models[1].hash, kHashA);
  EXPECT_EQ(models[2].hash, "");
}

}  // namespace
}  // namespace burin::hub
