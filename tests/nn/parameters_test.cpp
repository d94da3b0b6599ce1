#include "nn/parameters.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace burin::nn {
namespace {

QuantizationMap map_of(const std::string& config) {
  const Json json = parse_json(config, "config.json");
  return QuantizationMap::from_config(JsonView(json, "config.json"));
}

ErrorCode code_of(const std::string& config) {
  try {
    map_of(config);
  } catch (const Error& error) {
    return error.code();
  }
  return ErrorCode::Internal;
}

TEST(QuantizationMap, NullMeansTheDefaultOfTheMode) {
  const auto map = map_of(R"({"quantization":{"group_size":32,"bits":8,"a":{"group_size":null,"bits":null}}})");
  const auto entry = map.entry("a", true, 128, 16, 2);
  ASSERT_TRUE(entry);
  EXPECT_EQ(entry->group_size, 64);
  EXPECT_EQ(entry->bits, 4);
}

TEST(QuantizationMap, AnEntryWinsAndTheRestIsInferredFromShapes) {
  const auto map = map_of(R"({"quantization":{"group_size":64,"bits":4,"a":false,"b":true}})");
  EXPECT_FALSE(map.entry("a", true, 128, 16, 2));
  EXPECT_FALSE(map.entry("c", false, 128, 0, 0));
  const auto inferred = map.entry("b", true, 128, 32, 4);
  ASSERT_TRUE(inferred);
  EXPECT_EQ(inferred->bits, 8);
  EXPECT_EQ(inferred->group_size, 32);
}

TEST(QuantizationMap, RefusesByNameWhatItCannotHold) {
  EXPECT_EQ(code_of(R"({"quantization":{"mode":"mxfp4","group_size":32,"bits":4}})"), ErrorCode::Unsupported);
  EXPECT_EQ(code_of(R"({"quantization":{"group_size":64,"bits":7}})"), ErrorCode::Unsupported);
  EXPECT_EQ(code_of(R"({"quantization":{"group_size":48,"bits":4}})"), ErrorCode::Unsupported);
  EXPECT_EQ(code_of(R"({"quantization_config":{"quant_method":"gptq","bits":4}})"), ErrorCode::Unsupported);
  EXPECT_EQ(code_of(R"({"quantization":{"group_size":-1,"bits":4}})"), ErrorCode::Corrupt);
  EXPECT_EQ(code_of(R"({"quantization":{"group_size":64,"bits":"four"}})"), ErrorCode::Corrupt);
}

}  // namespace
}  // namespace burin::nn
