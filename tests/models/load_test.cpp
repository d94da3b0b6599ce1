#include <gtest/gtest.h>

#include <fstream>

#include "base/error.h"
#include "base/json.h"
#include "base/safetensors.h"
#include "models/model.h"
#include "ops/runtime.h"

namespace burin::models {
namespace {

namespace fs = std::filesystem;

/** A one-layer llama of hidden size 4, written tensor by tensor so that a test can spoil one. */
class LoadTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(::testing::TempDir()) / ::testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    config_ = parse_json(R"({"model_type":"llama","hidden_size":4,"num_hidden_layers":1,"intermediate_size":8,
        "num_attention_heads":2,"rms_norm_eps":1e-5,"vocab_size":10,"eos_token_id":[2,3]})",
                         "config.json");
    tensors_ = {
        {"model.embed_tokens.weight", {10, 4}},          {"model.norm.weight", {4}},
        {"model.layers.0.input_layernorm.weight", {4}},  {"model.layers.0.post_attention_layernorm.weight", {4}},
        {"model.layers.0.mlp.gate_proj.weight", {8, 4}}, {"model.layers.0.mlp.up_proj.weight", {8, 4}},
        {"model.layers.0.mlp.down_proj.weight", {4, 8}}};
    for (const char* name : {"q", "k", "v", "o"}) {
      tensors_["model.layers.0.self_attn." + std::string(name) + "_proj.weight"] = {4, 4};
    }
  }
  void TearDown() override { fs::remove_all(folder_); }

  void write(const std::string& file = "model.safetensors") {
    std::ofstream(folder_ / "config.json") << dump_json(config_);
    std::vector<TensorInfo> infos;
    uint64_t bytes = 0;
    for (const auto& [name, shape] : tensors_) {
      infos.push_back({.name = name, .dtype = Dtype::F32, .shape = shape});
      bytes += tensor_bytes(Dtype::F32, shape, name);
    }
    SafetensorsWriter writer(folder_ / file, infos, {});
    std::vector<float> values(bytes / sizeof(float));
    for (size_t i = 0; i < values.size(); ++i) {
      values[i] = 0.25F + 0.05F * static_cast<float>(i % 11);
    }
    writer.write(std::as_bytes(std::span(values)));
    writer.commit();
  }
  void refuses(ErrorCode code, const std::string& named) {
    try {
      load_model(folder_, {});
      FAIL() << "loaded";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), code) << error.what();
      EXPECT_NE(std::string(error.what()).find(named), std::string::npos) << error.what();
      EXPECT_EQ(std::string(error.what()).find(folder_.string()), std::string::npos) << "shows an absolute path";
    }
  }

  fs::path folder_;
  Json config_;
  std::map<std::string, std::vector<int64_t>> tensors_;
};

TEST_F(LoadTest, LoadsAndAnswersWithFiniteLogits) {
  write();
  const auto model = load_model(folder_, {});
  auto cache = model->make_cache();
  mx::array logits = model->logits(mx::array({1, 2, 3}, {1, 3}), cache);
  EXPECT_EQ(logits.shape(), (mx::Shape{1, 3, 10}));
  EXPECT_TRUE(mx::all(mx::isfinite(logits)).item<bool>());
  EXPECT_EQ(model->facts().eos_token_ids, (std::set<int32_t>{2, 3}));
}

TEST_F(LoadTest, PartsOfSeveralSequencesAreEachAlone) {
  write();
  const auto model = load_model(folder_, {});
  auto one = model->make_cache(), two = model->make_cache(), alone = model->make_cache();
  mx::eval(model->logits(mx::array({1, 2, 3}, {1, 3}), one), model->logits(mx::array({1, 2, 3}, {1, 3}), alone));
  const mx::array got = model->part_logits(
      mx::array({4, 5, 6, 7}), {{.cache = &two, .count = 1, .wanted = 0}, {.cache = &one, .count = 3, .wanted = 2}});
  const mx::array expected = mx::slice(model->logits(mx::array({5, 6, 7}, {1, 3}), alone), {0, 1, 0}, {1, 3, 10});
  EXPECT_TRUE(mx::allclose(got, mx::squeeze(expected, 0)).item<bool>());
  EXPECT_FALSE(mx::allclose(mx::slice(got, {0, 0}, {1, 10}), mx::slice(got, {1, 0}, {2, 10})).item<bool>());
  EXPECT_EQ(one.front()->offset(), 6);
  EXPECT_EQ(two.front()->offset(), 1);
}

TEST_F(LoadTest, GenerationConfigReplacesEos) {
  write();
  std::ofstream(folder_ / "generation_config.json") << R"({"eos_token_id":7})";
  EXPECT_EQ(load_model(folder_, {})->facts().eos_token_ids, (std::set<int32_t>{7}));
}

TEST_F(LoadTest, RefusesAnUnsupportedTypeBeforeLookingForWeights) {
  config_["model_type"] = "mamba";
  std::ofstream(folder_ / "config.json") << dump_json(config_);
  refuses(ErrorCode::Unsupported, "mamba");
}

TEST_F(LoadTest, NamesMissingExtraAndMisshapedTensors) {
  tensors_.erase("model.norm.weight");
  write();
  refuses(ErrorCode::Corrupt, "model.norm.weight is missing");
  tensors_["model.norm.weight"] = {5};
  write();
  refuses(ErrorCode::Corrupt, "has shape (5), expected (4)");
  tensors_["model.norm.weight"] = {4};
  tensors_["model.surprise"] = {4};
  write();
  refuses(ErrorCode::Corrupt, "model.surprise");
}

TEST_F(LoadTest, DropsUnusedTensors) {
  tensors_["model.layers.0.self_attn.rotary_emb.inv_freq"] = {1};
  tensors_["lm_head.weight"] = {10, 4};
  write();
  EXPECT_NO_THROW(load_model(folder_, {}));
}

TEST_F(LoadTest, NamesWhatIsWrongWithTheFiles) {
  refuses(ErrorCode::NotFound, "config.json");
  std::ofstream(folder_ / "config.json") << dump_json(config_);
  refuses(ErrorCode::NotFound, "model*.safetensors");
  write();
  std::ofstream(folder_ / "model.safetensors.index.json")
      << R"({"weight_map":{"a":"model-00002-of-00002.safetensors"}})";
  refuses(ErrorCode::Corrupt, "model-00002-of-00002.safetensors");
  std::ofstream(folder_ / "model.safetensors.index.json") << R"({"weight_map":{"a":"../model.safetensors"}})";
  refuses(ErrorCode::Corrupt, "../model.safetensors");
  fs::remove(folder_ / "model.safetensors.index.json");
  write("model-b.safetensors");
  refuses(ErrorCode::Corrupt, "also in another file");
}

TEST_F(LoadTest, RefusesAModelThatBringsCode) {
  config_["model_file"] = "evil.py";
  write();
  refuses(ErrorCode::Unsupported, "model_file");
}

TEST_F(LoadTest, RefusesGroupsThatDoNotDivide) {
  config_["quantization"] = {{"group_size", 64}, {"bits", 4}, {"lm_head", true}, {"model.embed_tokens", {{"bits", 4}}}};
  write();
  refuses(ErrorCode::Corrupt, "model.embed_tokens");
}

}  // namespace
}  // namespace burin::models
