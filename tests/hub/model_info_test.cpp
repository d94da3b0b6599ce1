#include "hub/model_info.h"

#include "cache_tree.h"

namespace burin::hub {
namespace {

class ModelObject : public CacheTree {
 protected:
  Json object(const std::string& name) const {
    return model_object(describe_model(resolve_model(name, paths_), {.runtime = {.supported = {"llama"}}}));
  }
  std::filesystem::path dir_ = root_ / "models" / "m";
};

TEST_F(ModelObject, HasTheContractsShape) {
  write_repo("models--mlx-community--tiny");
  Json got = object("tiny");
  EXPECT_GT(got["size_bytes"], 0);
  EXPECT_EQ(got["last_modified"].get<std::string>().size(), 20U);
  got.erase("size_bytes");
  got.erase("last_modified");
  EXPECT_EQ(
      dump_json(got),
      R"({"name":"mlx-community/tiny","hash":")" + kHashA +
          R"(","framework":"MLX","model_type":"chat","capabilities":["text-generation","chat"],)"
          R"("health":"healthy","runtime_compatible":true,"reason":null,"cached":true,"origin":"mlx-community/tiny","content_hash":null,)"
          R"("hash_modified":null,"clean":null,"display_name":"tiny",)"
          R"("quantization":{"bits":4,"group_size":32}})");
}

TEST_F(ModelObject, TellsKindsOfModelsApart) {
  write_model(dir_);
  write(dir_ / "tokenizer_config.json", "{}");
  EXPECT_EQ(object("m")["model_type"], "base");
  write(dir_ / "modules.json", "[]");
  EXPECT_EQ(object("m")["model_type"], "embedding");
  EXPECT_EQ(object("m")["capabilities"], Json::array({"embeddings"}));
  std::filesystem::remove(dir_ / "modules.json");
  write(dir_ / "config.json", R"({"model_type":"whisper"})");
  EXPECT_EQ(object("m")["model_type"], "audio");
  write(dir_ / "config.json", R"({"model_type":"strange"})");
  EXPECT_EQ(object("m")["model_type"], "unknown");
  EXPECT_EQ(object("m")["reason"], "model_type \"strange\" is not supported");
  EXPECT_EQ(object("m")["runtime_compatible"], false);
}

TEST_F(ModelObject, TellsFormatsApart) {
  write_repo("models--org--torch");
  write(repo_dir("models--org--torch") / "blobs" / "blob-config.json", R"({"model_type":"llama"})");
  EXPECT_EQ(object("torch")["framework"], "PyTorch");
  write(dir_ / "weights.gguf", "GGUF");
  EXPECT_EQ(object("m")["framework"], "GGUF");
  write(root_ / "models" / "n" / "README.md", "x");
  EXPECT_EQ(object("n")["framework"], "Unknown");
}

TEST_F(ModelObject, JudgesByNamesAloneWhenAsked) {
  const auto verdict = [&] {
    return describe_model(resolve_model("m", paths_),
                          {.runtime = {.supported = {"llama"}}, .depth = HealthDepth::Names});
  };
  write_model(dir_);
  EXPECT_TRUE(verdict().usable());
  write(dir_ / "model.safetensors", "no header, but that is not read");
  EXPECT_TRUE(verdict().usable());
  write(dir_ / "model.safetensors", "version https://git-lfs.github.com/spec/v1\n");
  EXPECT_EQ(verdict().reason(), "model.safetensors: a Git LFS pointer instead of the content");
  std::filesystem::remove(dir_ / "model.safetensors");
  write(dir_ / "model.safetensors.index.json", "{}");
  write(dir_ / "model-00001-of-00002.safetensors", safetensors());
  EXPECT_EQ(verdict().reason(), "model-00002-of-00002.safetensors: missing");
  write(dir_ / "model-00002-of-00002.safetensors", safetensors());
  EXPECT_TRUE(verdict().usable());
}

TEST_F(ModelObject, SaysWhyItCannotRunHere) {
  write_model(dir_);
  const auto reason = [&](uint64_t memory) {
    return describe_model(resolve_model("m", paths_), {.runtime = {.supported = {"llama"}, .memory_bytes = memory}})
        .reason();
  };
  EXPECT_EQ(reason(1'000'000), "");
  EXPECT_EQ(reason(10), "its weights need 0.0 GB, this machine has 0.0 GB");
  write(dir_ / "config.json", R"({"model_type":"llama","quantization":{"bits":7,"group_size":32}})");
  EXPECT_EQ(reason(0), "quantization affine in 7 bits and groups of 32 is not supported");
}

TEST_F(ModelObject, CountsAContentOnce) {
  write_model(dir_);
  const uint64_t before = object("m")["size_bytes"];
  std::filesystem::create_symlink("model.safetensors", dir_ / "again.bin");
  EXPECT_EQ(object("m")["size_bytes"], before);
}

TEST(AgeText, IsWhatAPersonWouldSay) {
  constexpr int64_t kDay = 86400;
  EXPECT_EQ(age_text(1000, 1030), "just now");
  EXPECT_EQ(age_text(1000, 900), "just now");
  EXPECT_EQ(age_text(0, 60), "1 minute ago");
  EXPECT_EQ(age_text(0, 2 * 3600 + 5), "2 hours ago");
  EXPECT_EQ(age_text(0, 3 * kDay), "3 days ago");
  EXPECT_EQ(age_text(0, 15 * kDay), "2 weeks ago");
  EXPECT_EQ(age_text(0, 70 * kDay), "2 months ago");
  EXPECT_EQ(age_text(0, 800 * kDay), "2 years ago");
}

TEST_F(ModelObject, NeverThrowsOnHostileFiles) {
  for (const char* text : {"", "[]", "null", "7", "{\"model_type\":7,\"architectures\":[1,{}],\"quantization\":[]}",
                           "{\"text_config\":3,\"vision_config\":[],\"quantization\":{\"bits\":{}}}", "\xff\xfe{}"}) {
    write_model(dir_);
    write(dir_ / "config.json", text);
    write(dir_ / "tokenizer_config.json", text);
    const ModelInfo info = describe_model(resolve_model("m", paths_), {.runtime = {.supported = {"llama"}}});
    EXPECT_FALSE(info.usable()) << text;
    EXPECT_NO_THROW(model_metadata(info));
    EXPECT_NE(model_object(info)["reason"], nullptr);
  }
}

TEST_F(ModelObject, TakesSizesFromTheTextConfig) {
  write_model(dir_);
  write(dir_ / "config.json",
        R"({"model_type":"llama","text_config":{"hidden_size":8,"vocab_size":9},"vocab_size":10})");
  const Json metadata =
      model_metadata(describe_model(resolve_model("m", paths_), {.runtime = {.supported = {"llama"}}}));
  EXPECT_EQ(metadata["hidden_size"], 8);
  EXPECT_EQ(metadata["vocab_size"], 10);
  EXPECT_EQ(metadata["context_length"], nullptr);
}

}  // namespace
}  // namespace burin::hub
