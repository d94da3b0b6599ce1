#include "quantize/gguf_import.h"

#include <gtest/gtest.h>

#include <array>

#include "base/error.h"
#include "base/file.h"
#include "base/safetensors.h"
#include "gguf_builder.h"

namespace burin::quantize {
namespace {

namespace fs = std::filesystem;
using testing::GgufBuilder;
using testing::raw;

constexpr uint32_t kF32 = 0;
constexpr uint32_t kQ40 = 2;
constexpr uint32_t kQ41 = 3;
constexpr uint32_t kQ80 = 8;

std::string half(float value) {
  return raw(static_cast<_Float16>(value));
}

std::string four(const std::string& row) {
  return row + row + row + row;
}

/** 32 codes 0..31 (modulo 16) as GGUF packs them: low nibbles first half, high nibbles second half. */
std::string nibbles() {
  std::string codes;
  for (int i = 0; i < 16; ++i) {
    codes.push_back(static_cast<char>(i | ((15 - i) << 4)));
  }
  return codes;
}

/** Metadata of a one-layer llama with two heads of two dimensions; the caller adds tensors. */
GgufBuilder llama() {
  GgufBuilder b;
  b.string("general.architecture", "llama").uint32("llama.block_count", 1).uint32("llama.context_length", 64);
  b.uint32("llama.embedding_length", 32).uint32("llama.feed_forward_length", 32);
  b.uint32("llama.attention.head_count", 2).float32("llama.attention.layer_norm_rms_epsilon", 1e-5F);
  b.string("tokenizer.ggml.model", "gpt2").string("tokenizer.ggml.pre", "smollm");
  b.strings("tokenizer.ggml.tokens", {"<s>", "a", "b", "ab"}).int32s("tokenizer.ggml.token_type", {3, 1, 1, 1});
  b.strings("tokenizer.ggml.merges", {"a b"}).uint32("tokenizer.ggml.eos_token_id", 0);
  return b;
}

class GgufImportTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(::testing::TempDir()) / ::testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  Json import(const GgufBuilder& builder) {
    write_file_atomic(folder_ / "model.gguf", builder.bytes());
    return import_gguf({.file = folder_ / "model.gguf", .out_dir = folder_ / "out", .on_progress = nullptr});
  }
  void refuses(const GgufBuilder& builder, ErrorCode code, const std::string& named) {
    try {
      import(builder);
      FAIL() << "accepted";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), code) << error.what();
      EXPECT_NE(std::string(error.what()).find(named), std::string::npos) << error.what();
    }
    EXPECT_EQ(std::distance(fs::directory_iterator(folder_), {}), 1) << "something was left behind";
  }
  std::string tensor(const std::string& name) {
    const InputFile file(folder_ / "out" / "model.safetensors");
    for (const TensorInfo& info : read_safetensors_header(file).tensors) {
      if (info.name == name) {
        std::string bytes(info.nbytes, '\0');
        file.read_at(info.offset, std::as_writable_bytes(std::span(bytes)));
        return bytes;
      }
    }
    ADD_FAILURE() << "no tensor " << name;
    return {};
  }

  fs::path folder_;
};

TEST_F(GgufImportTest, PacksQ41AsMlxDoes) {
  const Json report = import(llama()
                                 .tensor("token_embd.weight", {4, 32}, kF32, std::string(512, '\0'))
                                 .tensor("output.weight", {1, 32}, kQ41, half(0.5F) + half(-3.0F) + nibbles()));
  EXPECT_EQ(report["quantization"]["bits"], 4);
  EXPECT_EQ(report["quantization"]["model.embed_tokens"], false);
  const std::string codes = tensor("lm_head.weight");
  EXPECT_EQ(static_cast<uint8_t>(codes[0]), 0x10);  // values 0 and 1 hold codes 0 and 1
  EXPECT_EQ(static_cast<uint8_t>(codes[8]), 0xEF);  // values 16 and 17 hold codes 15 and 14
  EXPECT_EQ(tensor("lm_head.scales"), half(0.5F));
  EXPECT_EQ(tensor("lm_head.biases"), half(-3.0F));
}

TEST_F(GgufImportTest, DerivesBiasesOfQ40AndQ80) {
  std::string signed_codes(32, '\0');
  signed_codes[0] = -128;
  signed_codes[1] = 127;
  import(llama()
             .tensor("token_embd.weight", {4, 32}, kQ80, four(half(2.0F) + signed_codes))
             .tensor("output.weight", {1, 32}, kQ40, half(0.25F) + nibbles()));
  EXPECT_EQ(static_cast<uint8_t>(tensor("model.embed_tokens.weight")[0]), 0);
  EXPECT_EQ(static_cast<uint8_t>(tensor("model.embed_tokens.weight")[1]), 255);
  EXPECT_EQ(tensor("model.embed_tokens.biases"), four(half(-256.0F)));
  EXPECT_EQ(tensor("lm_head.biases"), half(-2.0F));
}

TEST_F(GgufImportTest, WidensFactorsThatLeaveHalfPrecision) {
  import(llama().tensor("token_embd.weight", {4, 32}, kQ80, four(half(1024.0F) + std::string(32, '\1'))));
  EXPECT_EQ(tensor("model.embed_tokens.scales"), four(raw(1024.0F)));
  EXPECT_EQ(tensor("model.embed_tokens.biases"), four(raw(-131072.0F)));
}

TEST_F(GgufImportTest, PutsInterleavedHeadRowsBackInOrder) {
  std::string rows;
  for (int row = 0; row < 8; ++row) {
    for (int col = 0; col < 32; ++col) {
      rows += raw(static_cast<float>(row));
    }
  }
  import(llama()
             .tensor("token_embd.weight", {4, 32}, kF32, std::string(512, '\0'))
             .tensor("blk.0.attn_q.weight", {8, 32}, kF32, rows));
  const std::string q = tensor("model.layers.0.self_attn.q_proj.weight");
  std::array<float, 8> first_column{};
  for (size_t row = 0; row < 8; ++row) {
    std::memcpy(&first_column[row], q.data() + row * 128, sizeof(float));
  }
  EXPECT_EQ(first_column, (std::array<float, 8>{0, 2, 1, 3, 4, 6, 5, 7}));
}

TEST_F(GgufImportTest, WritesTheTokenizer) {
  import(llama().tensor("token_embd.weight", {4, 32}, kF32, std::string(512, '\0')));
  const Json tokenizer = read_json_file(folder_ / "out" / "tokenizer.json");
  EXPECT_EQ(tokenizer["model"]["vocab"]["ab"], 3);
  EXPECT_EQ(tokenizer["added_tokens"][0]["content"], "<s>");
  EXPECT_EQ(tokenizer["pre_tokenizer"]["pretokenizers"][0]["type"], "Digits");
  EXPECT_EQ(read_json_file(folder_ / "out" / "generation_config.json")["eos_token_id"], 0);
}

TEST_F(GgufImportTest, RefusesByNameAndLeavesNothing) {
  const auto embed = [](GgufBuilder b) { return b.tensor("token_embd.weight", {4, 32}, kF32, std::string(512, '\0')); };
  refuses(embed(llama()).tensor("output.weight", {1, 256}, 14, std::string(210, '\0')), ErrorCode::Unsupported, "Q6_K");
  refuses(embed(llama()).tensor("odd.weight", {1}, kF32, "1234"), ErrorCode::Unsupported, "odd.weight");
  refuses(embed(llama()).tensor("blk.99999.attn_q.weight", {1}, kF32, "1234"), ErrorCode::Unsupported, "blk.99999");
  refuses(llama(), ErrorCode::Corrupt, "token_embd.weight");
  refuses(llama().tensor("token_embd.weight", {2, 32}, kF32, std::string(256, '\0')), ErrorCode::Corrupt, "tokens");
  refuses(llama().tensor("token_embd.weight", {4, 32}, kQ80,
                         half(std::numeric_limits<float>::infinity()) + std::string(134, '\0')),
          ErrorCode::Corrupt, "no number");
  refuses(GgufBuilder().string("general.architecture", "mamba"), ErrorCode::Unsupported, "mamba");
}

TEST_F(GgufImportTest, KeepsAnExistingModel) {
  const auto model = llama().tensor("token_embd.weight", {4, 32}, kF32, std::string(512, '\0'));
  import(model);
  EXPECT_THROW(import(model), Error);
  EXPECT_TRUE(fs::exists(folder_ / "out" / "config.json"));
}

}  // namespace
}  // namespace burin::quantize
