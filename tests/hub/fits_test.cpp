#include "hub/fits.h"

#include "base/error.h"
#include "cache_tree.h"

namespace burin::hub {
namespace {

class Fits : public CacheTree {
 protected:
  static Json config(const std::string& more) {
    return parse_json(R"({"hidden_size":64,"intermediate_size":128,"num_hidden_layers":4,"num_attention_heads":4,
      "num_key_value_heads":2,"vocab_size":100,"max_position_embeddings":4096)" +
                          more + "}",
                      "config.json");
  }
  static uint64_t kv(const Json& config, int64_t context, double bits = 16, int64_t parallel = 1) {
    return cache_bytes(layer_caches(config, {"llama", "gemma3_text"}),
                       {.context = context, .parallel = parallel, .kv_bits = bits});
  }
  static ErrorCode code_of(const Json& config) {
    try {
      layer_caches(config, {"llama"});
      return ErrorCode::Internal;
    } catch (const Error& error) {
      return error.code();
    }
  }
};

TEST_F(Fits, CountsKeysAndValuesOfEveryToken) {
  const Json llama = config(R"(,"model_type":"llama")");
  EXPECT_EQ(kv(llama, 1000), 4U * 1000 * 2 * 2 * 16 * 2);  // layers, tokens, keys and values, heads, head_dim, bytes
  EXPECT_EQ(kv(llama, 1000, 16, 3), 3 * kv(llama, 1000));
  EXPECT_EQ(kv(llama, 1000, 8), kv(llama, 1000) * 17 / 32);  // 8 bits and half a bit of scale and bias
  EXPECT_EQ(kv(config(R"(,"model_type":"llama","head_dim":32)"), 1000), 2 * kv(llama, 1000));
}

TEST_F(Fits, AWindowHoldsNoMoreThanItself) {
  const Json gemma = config(R"(,"model_type":"gemma3_text","sliding_window":100,"sliding_window_pattern":4)");
  const uint64_t token = 2 * 2 * 16 * 2;
  EXPECT_EQ(kv(gemma, 50), 4 * 50 * token);
  EXPECT_EQ(kv(gemma, 1000), (3 * 100 + 1000) * token);
  const Json typed = config(R"(,"model_type":"any","sliding_window":100,"layer_types":["sliding_attention",
    "full_attention","sliding_attention","sliding_attention"])");
  EXPECT_EQ(kv(typed, 1000), kv(gemma, 1000));
}

TEST_F(Fits, LatentAndStateLayersAreTheirOwnKinds) {
  const Json deepseek = config(R"(,"model_type":"deepseek_v3","kv_lora_rank":512,"qk_rope_head_dim":64)");
  EXPECT_EQ(kv(deepseek, 1000), 4U * 1000 * 576 * 2);
  const Json linear = config(R"(,"model_type":"qwen3_next","linear_num_value_heads":4,"linear_num_key_heads":2,
    "linear_key_head_dim":8,"linear_value_head_dim":8,"linear_conv_kernel_dim":4,"layer_types":["linear_attention",
    "linear_attention","linear_attention","full_attention"])");
  const uint64_t state = 4 * 8 * 8 + (2 * 2 * 8 + 4 * 8) * 3;
  EXPECT_EQ(kv(linear, 1000), 3 * state * 4 + 1000 * 2 * 2 * 16 * 2);
  const Json mamba = parse_json(R"({"model_type":"mamba","hidden_size":64,"num_hidden_layers":4,"state_size":16,
    "conv_kernel":4,"expand":2,"vocab_size":10})",
                                "config.json");
  EXPECT_EQ(kv(mamba, 10), kv(mamba, 100000));
  EXPECT_GT(kv(mamba, 10), 0U);
}

TEST_F(Fits, WhatIsNotKnownIsSaidNotGuessed) {
  EXPECT_EQ(code_of(config(R"(,"model_type":"jamba","attn_layer_period":8)")), ErrorCode::Unsupported);
  EXPECT_EQ(code_of(config(R"(,"model_type":"llama","layer_types":["full_attention","x","x","x"])")),
            ErrorCode::Unsupported);
  EXPECT_EQ(code_of(config(R"(,"model_type":"llama","layer_types":["full_attention"])")), ErrorCode::Corrupt);
}

TEST_F(Fits, HostileSizesAreCorrupt) {
  for (const char* text :
       {R"({"model_type":"llama"})", R"({"model_type":"llama","num_hidden_layers":-1})",
        R"({"model_type":"llama","num_hidden_layers":1000000})", R"({"model_type":"llama","num_hidden_layers":"4"})",
        R"({"model_type":"llama","num_hidden_layers":4,"hidden_size":0,"num_attention_heads":1})",
        R"({"model_type":"llama","num_hidden_layers":4,"hidden_size":9e99})"}) {
    EXPECT_EQ(code_of(parse_json(text, "config.json")), ErrorCode::Corrupt) << text;
  }
}

TEST_F(Fits, ReadsTheLanguagePartOfAModelWithImages) {
  const Json config = parse_json(R"({"model_type":"gemma3","text_config":{"model_type":"gemma3_text","hidden_size":64,
    "num_hidden_layers":2,"num_attention_heads":4,"num_key_value_heads":2,"sliding_window":10}})",
                                 "config.json");
  EXPECT_EQ(layer_caches(config, {}).size(), 2U);
}

TEST_F(Fits, TheLargestContextIsTheLastThatFits) {
  write_model(root_ / "models" / "m");
  write(root_ / "models" / "m" / "config.json", dump_json(config(R"(,"model_type":"llama")")));
  const MemorySubject subject = memory_subject(resolve_model("m", paths_), {"llama"});
  EXPECT_EQ(subject.weight_bytes, 8U);
  const MemoryRequest request{.context = 4000};
  const FitAnswer all = fit(subject, request, uint64_t{1} << 30);
  EXPECT_TRUE(all.fits);
  EXPECT_EQ(all.largest_context, 4096);
  const uint64_t tight = all.parts.total() - 1;
  const FitAnswer less = fit(subject, request, tight);
  EXPECT_FALSE(less.fits);
  EXPECT_EQ(less.largest_context, 3999);
  EXPECT_TRUE(fit(subject, {.context = 3999}, tight).fits);
  EXPECT_EQ(fit(subject, request, 1000).largest_context, 0);
}

TEST_F(Fits, AnswersFromTheRegistryToo) {
  const ModelRegistry registry;
  const MemorySubject subject = memory_subject(*registry.find("qwen3-0.6b-4bit"), {"qwen3"});
  EXPECT_EQ(fit(subject, {.context = 1000}, 0).parts.kv, 28U * 1000 * 2 * 8 * 128 * 2);
  EXPECT_THROW(memory_subject(*registry.find("gemma-300m-4bit"), {}), Error);
}

}  // namespace
}  // namespace burin::hub
