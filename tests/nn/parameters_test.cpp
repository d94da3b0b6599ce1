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

StoredTensor packed(int columns) {
  return {.shape = {8, columns}, .dtype = mx::uint32};
}

StoredTensor scales(int columns, mx::Dtype dtype = mx::float16) {
  return {.shape = {8, columns}, .dtype = dtype};
}

TEST(QuantizationMap, NullMeansTheDefaultOfTheMode) {
  const auto map = map_of(R"({"quantization":{"group_size":32,"bits":8,"a":{"group_size":null,"bits":null}}})");
  const StoredTensor weight = packed(16);
  const StoredTensor factors = scales(2);
  const auto entry = map.entry("a", 128, &weight, &factors);
  ASSERT_TRUE(entry);
  EXPECT_EQ(entry->group_size, 64);
  EXPECT_EQ(entry->bits, 4);
}

TEST(QuantizationMap, AnEntryWinsAndTheRestIsInferredFromShapes) {
  const auto map = map_of(R"({"quantization":{"group_size":64,"bits":4,"a":false,"b":true}})");
  const StoredTensor weight = packed(32);
  const StoredTensor factors = scales(4);
  EXPECT_FALSE(map.entry("a", 128, &weight, &factors));
  EXPECT_FALSE(map.entry("c", 128, &weight, nullptr));
  const auto inferred = map.entry("b", 128, &weight, &factors);
  ASSERT_TRUE(inferred);
  EXPECT_EQ(inferred->bits, 8);
  EXPECT_EQ(inferred->group_size, 32);
}

TEST(QuantizationMap, ScalesOfOneByteTellTheMode) {
  const auto map = map_of(R"({"quantization":{"mode":"mxfp4","group_size":null}})");
  const StoredTensor four_bits = packed(16);
  const StoredTensor by_16 = scales(8, mx::uint8);
  const StoredTensor by_32 = scales(4, mx::uint8);
  EXPECT_EQ(map.entry("a", 128, &four_bits, &by_16)->mode, ops::QuantizationMode::Nvfp4);
  EXPECT_EQ(map.entry("a", 128, &four_bits, &by_32)->mode, ops::QuantizationMode::Mxfp4);
  const StoredTensor eight_bits = packed(32);
  EXPECT_EQ(map.entry("a", 128, &eight_bits, &by_32)->mode, ops::QuantizationMode::Mxfp8);
}

TEST(QuantizationMap, TakesTheCopyOnlyWhereItIsMlxsOwn) {
  EXPECT_TRUE(map_of(R"({"quantization_config":{"group_size":64,"bits":4}})").any());
  EXPECT_FALSE(map_of(R"({"quantization_config":{"quant_method":"awq","group_size":64,"bits":4}})").any());
  EXPECT_FALSE(map_of(R"({"quantization":null,"quantization_config":{}})").any());
}

TEST(QuantizationMap, RefusesByNameWhatItCannotHold) {
  EXPECT_EQ(code_of(R"({"quantization":{"mode":"mxfp4","group_size":64,"bits":4}})"), ErrorCode::Unsupported);
  EXPECT_EQ(code_of(R"({"quantization":{"mode":"fp2","group_size":32,"bits":2}})"), ErrorCode::Unsupported);
  EXPECT_EQ(code_of(R"({"quantization":{"group_size":64,"bits":7}})"), ErrorCode::Unsupported);
  EXPECT_EQ(code_of(R"({"quantization":{"group_size":48,"bits":4}})"), ErrorCode::Unsupported);
  EXPECT_EQ(code_of(R"({"quantization":{"group_size":-1,"bits":4}})"), ErrorCode::Corrupt);
  EXPECT_EQ(code_of(R"({"quantization":{"group_size":64,"bits":"four"}})"), ErrorCode::Corrupt);
}

}  // namespace
}  // namespace burin::nn
