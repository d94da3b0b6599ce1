#include "models/architecture.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace burin::models {
namespace {

nn::DecoderSpec spec_of(const std::string& text, bool has_head = true) {
  const Json json = parse_json(text, "config.json");
  const JsonView config(json, "config.json");
  return find_architecture(config).spec(config, [&](const std::string&) { return has_head; });
}

std::string llama_with(const std::string& more) {
  return R"({"model_type":"llama","hidden_size":64,"num_hidden_layers":2,"intermediate_size":96,)"
         R"("num_attention_heads":4,"rms_norm_eps":1e-5,"vocab_size":100)" +
         more + "}";
}

TEST(Architectures, AreSortedAndFoundByAlias) {
  for (size_t i = 1; i < architectures().size(); ++i) {
    EXPECT_LT(architectures()[i - 1]->model_type, architectures()[i]->model_type);
  }
  const Json json = parse_json(R"({"model_type":"mistral"})", "config.json");
  EXPECT_EQ(find_architecture(JsonView(json, "config.json")).model_type, "llama");
}

TEST(Architectures, AnUnknownTypeIsRefusedWithTheList) {
  try {
    spec_of(R"({"model_type":"mamba"})");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::Unsupported);
    EXPECT_NE(std::string(error.what()).find("mamba"), std::string::npos);
    EXPECT_NE(error.hint().find("qwen3"), std::string::npos);
  }
}

TEST(Architectures, AbsurdNumbersAreCorrupt) {
  for (const char* more :
       {R"(,"num_key_value_heads":3)", R"(,"head_dim":0)", R"(,"head_dim":7)", R"(,"rope_theta":-1)",
        R"(,"rope_theta":1e400)", R"(,"max_position_embeddings":-5)", R"(,"head_dim":1048576)",
        R"(,"rope_scaling":{"type":"llama3"})", R"(,"rope_scaling":{"type":"linear","factor":0})",
        R"(,"rope_scaling":{"type":"longrope","long_factor":[1,2,3]})", R"(,"layer_types":["full_attention"])",
        R"(,"rope_scaling":{"type":"llama3","factor":8,"low_freq_factor":4,"high_freq_factor":4})"}) {
    EXPECT_THROW(spec_of(llama_with(more)), Error) << more;
  }
  EXPECT_THROW(spec_of(R"({"model_type":"llama","hidden_size":1e18})"), Error);
  EXPECT_THROW(spec_of(R"({"model_type":"llama"})"), Error);
}

TEST(Architectures, RopeParametersOfTransformers5AreRead) {
  const auto spec =
      spec_of(llama_with(R"(,"rope_parameters":{"rope_type":"linear","factor":4.0,"rope_theta":500000})"));
  EXPECT_EQ(spec.layers[0].attention.rope.kind, nn::RopeKind::Linear);
  EXPECT_EQ(spec.layers[0].attention.rope.theta, 500000);
}

TEST(Architectures, ASlidingWindowAloneChangesNothingInLlama) {
  EXPECT_EQ(spec_of(llama_with(R"(,"sliding_window":8)")).layers[0].attention.window, 0);
  const auto spec = spec_of(llama_with(R"(,"sliding_window":8,"layer_types":["sliding_attention","full_attention"])"));
  EXPECT_EQ(spec.layers[0].attention.window, 8);
  EXPECT_EQ(spec.layers[1].attention.window, 0);
}

TEST(Architectures, Gemma3AlternatesWindowsAndTiesWithoutAHead) {
  const auto spec = spec_of(R"({"model_type":"gemma3_text","num_hidden_layers":12})", false);
  EXPECT_EQ(spec.layers[4].attention.window, 512);
  EXPECT_EQ(spec.layers[5].attention.window, 0);
  EXPECT_EQ(spec.layers[4].attention.rope.theta, 10000.0);
  EXPECT_EQ(spec.layers[5].attention.rope.theta, 1000000.0);
  EXPECT_EQ(spec.embedding_scale, 34.0);  // sqrt(1152) = 33.94 in bfloat16
  EXPECT_TRUE(spec.tied_head);
}

}  // namespace
}  // namespace burin::models
