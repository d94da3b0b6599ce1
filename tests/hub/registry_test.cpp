#include "hub/registry.h"

#include <algorithm>
#include <set>

#include "base/error.h"
#include "cache_tree.h"
#include "hub/cache.h"
#include "hub/memory_estimate.h"

namespace burin::hub {
namespace {

class Registry : public CacheTree {
 protected:
  ModelRegistry with(const std::string& text) const {
    write(root_ / "config" / "models.json", text);
    return ModelRegistry::with_user_entries(root_ / "config");
  }
};

TEST_F(Registry, KnowsTheModelsThatAVectorDatabaseExpects) {
  const ModelRegistry registry;
  EXPECT_GE(registry.models().size(), 25U);
  const RegistryModel* chat = registry.find("qwen3-0.6b-4bit");
  ASSERT_NE(chat, nullptr);
  EXPECT_EQ(chat->repo, "mlx-community/Qwen3-0.6B-4bit");
  EXPECT_EQ(chat->type, "chat");
  const RegistryModel* embedder = registry.find("gemma-300m-4bit");
  ASSERT_NE(embedder, nullptr);
  EXPECT_EQ(embedder->repo, "mlx-community/embeddinggemma-300m-4bit");
  EXPECT_EQ(embedder->dimension, 768);
}

TEST_F(Registry, EveryEntryIsSane) {
  std::set<std::string> repos;
  const ModelRegistry registry;
  for (const RegistryModel& model : registry.models()) {
    EXPECT_TRUE(repos.insert(model.repo).second) << model.id;
    EXPECT_EQ(model.type == "embedding", model.dimension.has_value()) << model.id;
    EXPECT_FALSE(model.use_cases.empty()) << model.id;
    EXPECT_GT(model.context_length, 0) << model.id;
    const double bits = 8.0 * static_cast<double>(model.size_bytes) / static_cast<double>(model.parameters);
    EXPECT_NEAR(bits, model.bits + 0.5, 0.6) << model.id;
    if (model.type == "chat") {
      EXPECT_FALSE(
          layer_caches(model.config, {"llama", "qwen2", "qwen3", "gemma2", "phi3", "smollm3", "granite"}).empty());
    }
  }
}

TEST_F(Registry, FindsByWordsTypeAndSize) {
  const ModelRegistry registry;
  EXPECT_EQ(registry.search({.query = "QWEN3 0.6b"}).size(), 2U);
  for (const RegistryModel& model : registry.search({.type = "embedding", .max_size_bytes = 100'000'000})) {
    EXPECT_EQ(model.type, "embedding");
    EXPECT_LE(model.size_bytes, 100'000'000U);
  }
  EXPECT_FALSE(registry.search({.type = "embedding", .max_size_bytes = 100'000'000}).empty());
  EXPECT_TRUE(registry.search({.query = "nothing has this"}).empty());
  EXPECT_EQ(registry.search({}).size(), registry.models().size());
}

TEST_F(Registry, RecommendsTheMostAbleThatFits) {
  const ModelRegistry registry;
  const auto small = registry.recommended("chat", 1'500'000'000);
  const auto large = registry.recommended("chat", 64'000'000'000);
  ASSERT_FALSE(small.empty());
  EXPECT_GT(large.size(), small.size());
  EXPECT_EQ(large.front().id, "llama-3.3-70b-instruct-4bit");
  EXPECT_TRUE(std::ranges::all_of(small, [](const auto& model) { return working_bytes(model) <= 1'500'000'000; }));
  EXPECT_TRUE(std::ranges::is_sorted(small, std::ranges::greater(), &RegistryModel::parameters));
  EXPECT_TRUE(registry.recommended("chat", 1000).empty());
}

TEST_F(Registry, WhatRunsHereLeads) {
  const ModelRegistry registry = with(R"({"models":[
    {"id":"big","repo":"me/big","size_bytes":9,"parameters":9,"use_cases":["cooking"],"config":{"model_type":"strange"}},
    {"id":"small","repo":"me/small","size_bytes":5,"parameters":5,"use_cases":["cooking"],
     "config":{"model_type":"llama"}}]})");
  const std::vector<RegistryModel> found = registry.recommended("cooking", 100);
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].id, "small");
  EXPECT_FALSE(is_runnable(found[1]));
  EXPECT_FALSE(is_runnable(*registry.find("gemma-300m-4bit")));
}

TEST_F(Registry, UserEntriesComeInAndReplace) {
  const ModelRegistry registry = with(R"({"models":[
    {"id":"mine","repo":"me/mine","size_bytes":5,"use_cases":["chat","cooking"]},
    {"id":"qwen3-0.6b-4bit","repo":"me/other","size_bytes":7}]})");
  ASSERT_NE(registry.find("ME/mine"), nullptr);
  EXPECT_TRUE(registry.find("mine")->user);
  EXPECT_EQ(registry.find("qwen3-0.6b-4bit")->repo, "me/other");
  EXPECT_EQ(registry.recommended("cooking", 100).size(), 1U);
  EXPECT_EQ(registry.models().size(), ModelRegistry().models().size() + 1);
}

TEST_F(Registry, WrongUserEntriesAreNamed) {
  for (const char* text : {"", "[]", "{}", R"({"models":7})", R"({"models":[7]})", R"({"models":[{"id":"x"}]})",
                           R"({"models":[{"id":"../x","repo":"a/b","size_bytes":1}]})",
                           R"({"models":[{"id":"x","repo":"a/b/c","size_bytes":1}]})",
                           R"({"models":[{"id":"x","repo":"a/b","size_bytes":-1}]})",
                           R"({"models":[{"id":"x","repo":"a/b","size_bytes":1,"type":"cake"}]})",
                           R"({"models":[{"id":"x","repo":"a/b","size_bytes":1,"dimension":"7"}]})"}) {
    try {
      with(text);
      FAIL() << text;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::Corrupt) << text;
      EXPECT_NE(error.message().find("models.json"), std::string::npos) << error.message();
    }
  }
}

}  // namespace
}  // namespace burin::hub
