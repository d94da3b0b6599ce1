#include "hub/listing.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>

#include "cache_tree.h"
#include "hub/cache.h"

namespace burin::hub {
namespace {

namespace fs = std::filesystem;

class Listing : public CacheTree {
 protected:
  /** A repo of the cache with this config.json. */
  void write_with_config(const std::string& name, const std::string& config) const {
    write_repo("models--" + name);
    write(repo_dir("models--" + name) / "blobs" / "blob-config.json", config);
  }

  /** Both ways to the same objects, for every model there is. */
  void expect_the_same(HealthDepth depth) const {
    DescribeOptions whole{
        .runtime = {.supported = {"llama"}, .memory_bytes = 1 << 30}, .depth = depth, .with_content_hash = false};
    DescribeOptions listed = whole;
    listed.config = ConfigMembers::Listed;
    const std::vector<ModelName> models = all_model_names(paths_);
    const std::vector<ModelInfo> infos = describe_all(models, paths_, listed);
    ASSERT_EQ(infos.size(), models.size());
    for (size_t i = 0; i < models.size(); ++i) {
      const ModelInfo expected = describe_model(resolve_default(models[i], paths_), whole);
      EXPECT_EQ(dump_json(model_object(infos[i])), dump_json(model_object(expected)));
      EXPECT_EQ(infos[i].model.dir, expected.model.dir);
      EXPECT_EQ(infos[i].reason(), expected.reason());
      EXPECT_EQ(infos[i].folder.config_problem(), expected.folder.config_problem()) << models[i].name;
    }
  }

  void expect_the_same() const {
    expect_the_same(HealthDepth::Names);
    expect_the_same(HealthDepth::Headers);
  }
};

TEST_F(Listing, ReadsConfigsAsTheWholeParserDoes) {
  constexpr std::array<const char*, 20> kConfigs{
      R"({"model_type":"llama","vocab_size":8,"quantization":{"bits":4,"group_size":32,"lm_head":{"bits":8}}})",
      R"({"architectures":["XForCausalLM"],"model_type":"strange","rope":{"a":[1,2.5e-3]}})",
      R"({"model_type":"whisper"})",
      R"({"audio_config":{"x":1},"model_type":"llama"})",
      R"({"vision_config":{"x":1},"model_type":"llama","text_config":{"model_type":"other"}})",
      R"({"vision_config":null,"model_type":"llama"})",
      R"({"model_type":"llama","quantization":{"bits":7,"group_size":32}})",
      R"({"model_type":"llama","quantization":{"mode":"mxfp4","bits":4,"group_size":32}})",
      R"({"model_type":"llama","library_name":"mlx"})",
      R"({"vocab_size":8})",
      R"({"model_type":"llama","name":"naïve \u0061"})",
      R"({"model_type":"llama","model_type":"qwen3"})",
      R"({"model_type":"llama","x":{"y":1,"y":2}})",
      R"({"model_type":"llama",})",
      R"({"model_type":"llama"} x)",
      R"({"model_type":"llama","eps":1e999})",
      R"({"model_type":)",
      "[]",
      "{}",
      ""};
  for (size_t i = 0; i < kConfigs.size(); ++i) {
    write_with_config("org--m" + std::to_string(i), kConfigs.at(i));
  }
  expect_the_same();
}

TEST_F(Listing, FindsRevisionsAsTheResolverDoes) {
  write_repo("models--a--two-revisions");
  write_repo("models--a--two-revisions", kHashB);
  write(write_repo("models--b--ref-to-nothing") / ".." / ".." / "refs" / "main", kHashB);
  fs::remove_all(write_repo("models--c--no-refs") / ".." / ".." / "refs");
  write_repo("models--d--no-refs-two-revisions", kHashB);
  write_repo("models--d--no-refs-two-revisions");
  fs::remove_all(repo_dir("models--d--no-refs-two-revisions") / "refs");
  write(repo_dir("models--e--blank-ref") / "refs" / "main", kHashA + " \n");
  write_repo("models--e--blank-ref");
  write(write_repo("models--f--bad-ref") / ".." / ".." / "refs" / "main", "../../../etc");
  write(write_repo("models--g--long-ref") / ".." / ".." / "refs" / "main", kHashA + std::string(25, '\n'));
  fs::create_directories(repo_dir("models--h--folder-ref") / "refs" / "main");
  fs::create_directories(repo_dir("models--i--empty"));
  write(repo_dir("models--j--file-snapshot") / "snapshots" / kHashA, "a file");
  write(repo_dir("models--j--file-snapshot") / "refs" / "main", kHashA);
  write_model(paths_.model_home / "of-the-home");
  write_model(paths_.model_home / "org" / "of-the-home");
  expect_the_same();
}

TEST_F(Listing, FollowsLinksAsTheFolderDoes) {
  const fs::path two_hops = write_repo("models--a--two-hops");
  fs::rename(two_hops / ".." / ".." / "blobs" / "blob-config.json", root_ / "shared");
  fs::create_symlink(root_ / "shared", two_hops / ".." / ".." / "blobs" / "blob-config.json");
  fs::remove(write_repo("models--b--dangling-weights") / ".." / ".." / "blobs" / "blob-model.safetensors");
  fs::remove(write_repo("models--c--dangling-config") / ".." / ".." / "blobs" / "blob-config.json");
  const fs::path loop = write_repo("models--d--loop");
  fs::create_symlink("loop.json", loop / "loop.json");
  fs::create_directory_symlink("..", loop / "up");
  const fs::path partial = write_repo("models--e--partial");
  fs::remove(partial / "model.safetensors");
  write(partial / ".." / ".." / "blobs" / (std::string(64, 'e') + ".incomplete"), "half");
  write(write_repo("models--f--left-over") / "x.incomplete", "half");
  fs::create_directory_symlink(repo_dir("models--a--two-hops"), repo_dir("models--g--linked-repo"));
  expect_the_same();
}

TEST_F(Listing, FindsChatTemplatesAsTheFolderDoes) {
  write_repo("models--a--in-the-configuration");
  write(write_repo("models--b--in-a-file") / "chat_template.jinja", "{{ messages }}");
  const auto tokenizer_config = [&](const std::string& name) {
    const fs::path path = write_repo("models--" + name) / "tokenizer_config.json";
    fs::remove(path);
    return path;
  };
  tokenizer_config("c--none");
  write(tokenizer_config("d--without"), R"({"chat_template":null})");
  write(tokenizer_config("e--empty"), "");
  fs::create_symlink("nothing", tokenizer_config("f--dangling"));
  fs::create_directory(tokenizer_config("g--folder"));
  const fs::path pipe = tokenizer_config("h--pipe");
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  fs::create_symlink(pipe, tokenizer_config("i--link-to-a-pipe"));
  expect_the_same();
}

TEST_F(Listing, KeepsTheOrderAcrossThreads) {
  for (int i = 0; i < 250; ++i) {
    write(repo_dir("models--org--m" + std::to_string(1000 + i)) / "snapshots" / kHashA / "config.json",
          R"({"model_type":"llama","x":)" + std::to_string(i) + "}");
    write(repo_dir("models--org--m" + std::to_string(1000 + i)) / "refs" / "main", kHashA);
  }
  expect_the_same(HealthDepth::Names);
}

}  // namespace
}  // namespace burin::hub
