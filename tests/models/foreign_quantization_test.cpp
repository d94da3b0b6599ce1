#include "models/foreign_quantization.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/file.h"

namespace burin::models {
namespace {

namespace fs = std::filesystem;

std::optional<ForeignQuantization> find(const std::string& config, const fs::path& folder = "/nowhere") {
  const Json json = parse_json(config, "config.json");
  return find_foreign_quantization(JsonView(json, "config.json"), folder);
}

TEST(ForeignQuantization, IsNoneForFloatsAndForMlxsOwn) {
  EXPECT_FALSE(find(R"({})"));
  EXPECT_FALSE(find(R"({"quantization_config":null})"));
  EXPECT_FALSE(find(R"({"quantization_config":{}})"));
  EXPECT_FALSE(find(R"({"quantization_config":{"group_size":64,"bits":4}})"));
  EXPECT_FALSE(find(R"({"quantization":{"bits":4},"quantization_config":{"quant_method":"hqq"}})"));
}

TEST(ForeignQuantization, IsLookedForInThreePlaces) {
  const fs::path folder = fs::path(::testing::TempDir()) / "foreign_quantization";
  fs::create_directories(folder);
  write_file_atomic(folder / "hf_quant_config.json",
                    R"({"producer":{"name":"modelopt"},"quantization":{"quant_algo":"NVFP4"}})");
  EXPECT_EQ(find("{}", folder)->layout, ForeignLayout::ModelOptNvfp4);
  EXPECT_EQ(find(R"({"text_config":{"quantization_config":{"quant_method":"awq"}}})", folder)->method, "awq");
  EXPECT_EQ(find(R"({"quantization_config":{"quant_method":"mxfp8"},
                     "text_config":{"quantization_config":{"quant_method":"awq"}}})",
                 folder)
                ->method,
            "mxfp8");
  fs::remove_all(folder);
}

TEST(ForeignQuantization, TellsTilesFromBlocks) {
  const auto tiles =
      find(R"({"quantization_config":{"quant_method":"fp8","scale_fmt":"ue8m0","weight_block_size":[32,32]}})");
  EXPECT_EQ(tiles->layout, ForeignLayout::Fp8Tiles);
  const auto blocks =
      find(R"({"quantization_config":{"quant_method":"fp8","scale_fmt":"ue8m0","weight_block_size":[128,128]}})");
  EXPECT_EQ(blocks->layout, ForeignLayout::Fp8Blocks);
  EXPECT_EQ(blocks->block_size, (std::array{128, 128}));
}

TEST(ForeignQuantization, RefusesOddValues) {
  const auto code_of = [](const std::string& settings) {
    try {
      find(R"({"quantization_config":)" + settings + "}");
    } catch (const Error& error) {
      return error.code();
    }
    return ErrorCode::Internal;
  };
  EXPECT_EQ(code_of(R"({"quant_method":"quip"})"), ErrorCode::Unsupported);
  EXPECT_EQ(code_of(R"({"quant_method":5})"), ErrorCode::Corrupt);
  EXPECT_EQ(code_of(R"({"quant_method":"awq","bits":"four"})"), ErrorCode::Corrupt);
  EXPECT_EQ(code_of(R"({"quant_method":"fp8","weight_block_size":[128]})"), ErrorCode::Corrupt);
  EXPECT_EQ(code_of(R"({"quant_method":"fp8","weight_block_size":[0,128]})"), ErrorCode::Corrupt);
  EXPECT_EQ(code_of(R"({"quant_method":"fp8","weight_block_size":[1e30,128]})"), ErrorCode::Corrupt);
  EXPECT_EQ(code_of(R"({"quant_method":"compressed-tensors","format":"pack-quantized","config_groups":[1]})"),
            ErrorCode::Corrupt);
  EXPECT_EQ(code_of(R"({"quant_method":"compressed-tensors","format":"pack-quantized","config_groups":{"a":1}})"),
            ErrorCode::Corrupt);
}

}  // namespace
}  // namespace burin::models
