#include "hub/health.h"

#include "cache_tree.h"

namespace burin::hub {
namespace {

class Health : public CacheTree {
 protected:
  void SetUp() override {
    CacheTree::SetUp();
    write_model(dir_);
  }

  /** The reason why the model is unhealthy; "healthy" when it is not. */
  std::string verdict() const {
    const HealthReport report = check_health(ModelFolder(dir_));
    return report.healthy() ? "healthy" : report.reason();
  }

  void shard(const std::string& name, const std::string& tensor) const { write(dir_ / name, safetensors(tensor)); }

  void write_index(const std::string& text) const { write(dir_ / "model.safetensors.index.json", text); }

  std::filesystem::path dir_ = root_ / "models" / "m";
};

TEST_F(Health, FindsNothingWrongWithAWholeModel) {
  EXPECT_EQ(verdict(), "healthy");
}

TEST_F(Health, FollowsTheLinksOfTheCache) {
  const auto snapshot = write_repo("models--a--b");
  EXPECT_TRUE(check_health(ModelFolder(snapshot)).healthy());
  std::filesystem::remove(repo_dir("models--a--b") / "blobs" / "blob-model.safetensors");
  EXPECT_EQ(check_health(ModelFolder(snapshot)).reason(), "model.safetensors: a broken link or no regular file");
}

TEST_F(Health, NeedsAConfiguration) {
  write(dir_ / "config.json", "{}");
  EXPECT_EQ(verdict(), "config.json: not a JSON object with content");
  write(dir_ / "config.json", "{\"a\":");
  EXPECT_EQ(verdict(), "config.json: not valid JSON");
  write(dir_ / "config.json", std::string(100000, '['));
  EXPECT_EQ(verdict(), "config.json: not valid JSON");
  std::filesystem::remove(dir_ / "config.json");
  EXPECT_EQ(verdict(), "config.json: missing");
}

TEST_F(Health, ReadsTheHeaderOfTheWeights) {
  write(dir_ / "model.safetensors", safetensors() + "more");
  EXPECT_EQ(verdict().substr(0, 19), "model.safetensors: ");
  write(dir_ / "model.safetensors", "");
  EXPECT_EQ(verdict(), "model.safetensors: empty");
  write(dir_ / "model.safetensors", "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n");
  EXPECT_EQ(verdict(), "model.safetensors: a Git LFS pointer instead of the content");
  std::filesystem::remove(dir_ / "model.safetensors");
  EXPECT_EQ(verdict(), "model.safetensors: missing");
  write(dir_ / "pytorch_model.bin", "x");
  EXPECT_EQ(verdict(), "model.safetensors: missing; the pickled weights are not read");
}

TEST_F(Health, ComparesIndexAndShards) {
  std::filesystem::remove(dir_ / "model.safetensors");
  shard("model-00001-of-00002.safetensors", "a");
  shard("model-00002-of-00002.safetensors", "b");
  EXPECT_EQ(verdict(), "model.safetensors.index.json: missing, and the weights are in several files");
  write_index(R"({"weight_map":{"a":"model-00001-of-00002.safetensors","b":"model-00002-of-00002.safetensors"}})");
  EXPECT_EQ(verdict(), "healthy");
  shard("model-00002-of-00002.safetensors", "c");
  EXPECT_EQ(verdict(), "model-00002-of-00002.safetensors: lacks the tensor b that the index promises");
  std::filesystem::remove(dir_ / "model-00002-of-00002.safetensors");
  EXPECT_EQ(verdict(), "model-00002-of-00002.safetensors: missing");
}

TEST_F(Health, RefusesAnIndexThatNamesOtherFolders) {
  for (const char* index : {R"({"weight_map":{"a":"../m2/model.safetensors"}})", R"({"weight_map":{"a":7}})",
                            R"({"weight_map":{}})", "[]", R"({"weight_map":[]})"}) {
    write_index(index);
    EXPECT_EQ(verdict().substr(0, 30), "model.safetensors.index.json: ") << index;
  }
}

TEST_F(Health, NeedsATokenizer) {
  write(dir_ / "tokenizer.json", R"({"model":{"vocab":{"a)");
  EXPECT_EQ(verdict(), "tokenizer.json: not a whole JSON object");
  std::filesystem::remove(dir_ / "tokenizer.json");
  EXPECT_EQ(verdict(), "tokenizer.json: missing");
}

TEST_F(Health, SeesLeftOversOfADownload) {
  write(dir_ / "model.safetensors.partial", "x");
  EXPECT_EQ(verdict(), "model.safetensors.partial: left over from a download that did not finish");
}

TEST_F(Health, NeedsThePreprocessorOfAVisionModel) {
  write(dir_ / "config.json", R"({"model_type":"x","vision_config":{}})");
  EXPECT_EQ(verdict(), "preprocessor_config.json: missing, and the model reads images");
}

TEST_F(Health, DoesNotFollowFolderLinks) {
  std::filesystem::create_directory_symlink(dir_, dir_ / "loop");
  write(dir_ / "sub" / "file.txt", "abc");
  std::vector<std::string> names;
  const ModelFolder folder(dir_);
  for (const ModelFile& file : folder.files()) {
    names.push_back(file.name);
  }
  EXPECT_EQ(names, (std::vector<std::string>{"config.json", "model.safetensors", "sub/file.txt", "tokenizer.json",
                                             "tokenizer_config.json"}));
}

}  // namespace
}  // namespace burin::hub
