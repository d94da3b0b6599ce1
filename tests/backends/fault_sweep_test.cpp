// Every read and every sizeable allocation of loading fails once: each failure is a burin::Error, and the same backend
// then answers as before. Answering is left out: MLX 0.32.4 waits for ever in the eval after one that ran out of
// memory.
#include "fault_injection.h"

#include <gtest/gtest.h>

#include "../text/folder.h"
#include "backends/mlx_backend.h"
#include "base/error.h"
#include "base/safetensors.h"

namespace burin::backends {
namespace {

/** A one-layer llama with a tokenizer, a template and a saved prompt cache to come. */
class FaultSweep : public ::testing::Test {
 protected:
  void SetUp() override {
    const Json tokenizer = text::small_bpe();
    const auto vocab_size = static_cast<int64_t>(tokenizer["model"]["vocab"].size());
    folder_.add("tokenizer.json", tokenizer);
    folder_.add("tokenizer_config.json", Json{{"eos_token", "</s>"}});
    folder_.add("chat_template.jinja", std::string("{% for m in messages %}{{ m.content }}{% endfor %}"));
    folder_.add("config.json", Json{{"model_type", "llama"},
                                    {"hidden_size", 32},
                                    {"num_hidden_layers", 1},
                                    {"intermediate_size", 32},
                                    {"num_attention_heads", 2},
                                    {"rms_norm_eps", 1e-5},
                                    {"vocab_size", vocab_size},
                                    {"max_position_embeddings", 64}});
    std::vector<TensorInfo> tensors;
    const auto add = [&](const std::string& name, std::vector<int64_t> shape) {
      tensors.push_back({.name = name + ".weight", .dtype = Dtype::F32, .shape = std::move(shape)});
    };
    add("model.embed_tokens", {vocab_size, 32});
    add("model.norm", {32});
    for (const char* norm : {"input_layernorm", "post_attention_layernorm"}) {
      add(std::string("model.layers.0.") + norm, {32});
    }
    for (const char* name :
         {"self_attn.q", "self_attn.k", "self_attn.v", "self_attn.o", "mlp.gate", "mlp.up", "mlp.down"}) {
      add(std::string("model.layers.0.") + name + "_proj", {32, 32});
    }
    SafetensorsWriter writer(folder_.path() / "model.safetensors", tensors, {});
    float value = 0.0F;
    for (const TensorInfo& tensor : tensors) {
      std::vector<float> values(tensor_bytes(Dtype::F32, tensor.shape, "test") / sizeof(float));
      std::ranges::generate(values, [&] { return value = value > 0.2F ? -0.2F : value + 0.0137F; });
      writer.write(std::as_bytes(std::span(values)));
    }
    writer.commit();
  }

  void load() { backend_->load(options_); }

  /** What is made here is made beforehand: only the backend's own allocations are to fail. */
  void answer() {
    prompt_ = backend_->apply_chat_template(messages_, none_, object_, true);
    request_.prompt_ids = backend_->tokenize(prompt_, false);
    result_ = backend_->generate(request_, [](const engine::TokenEvent&) { return true; });
  }
  std::vector<int32_t> answered() {
    answer();
    return result_.tokens;
  }

  /**
   * Lets the n-th event of `body` fail for n = 0, 1, .. until it no longer comes; after each failure
   * `recovers` must work. Returns how many failed.
   */
  template <class Body, class Recovers>
  static int64_t sweep(fault::Countdown& countdown, Body&& body, Recovers&& recovers) {
    int64_t failures = 0;
    for (int64_t n = 0;; ++n) {
      bool came = true;
      try {
        came = fault::failing(countdown, n, body);
      } catch (const Error& error) {
        EXPECT_FALSE(error.message().empty());
        ++failures;
      }
      recovers();
      if (!came || ::testing::Test::HasFailure()) {
        return failures;
      }
    }
  }

  text::Folder folder_;
  std::unique_ptr<engine::Backend> backend_ = make_mlx_backend();
  engine::LoadOptions options_{.model_dir = folder_.path(), .threads = 1};
  const Json messages_ = Json::array({{{"role", "user"}, {"content", "ab hi"}}});
  const Json none_;
  const Json object_ = Json::object();
  std::string prompt_;
  engine::GenerateRequest request_{
      .sampling = {.temperature = 0.7, .repetition_penalty = 1.1, .seed = 1}, .max_tokens = 6, .ignore_eos = true};
  engine::GenerateResult result_;
};

TEST_F(FaultSweep, EveryReadOfLoadingMayFail) {
  load();
  const std::vector<int32_t> expected = answered();
  const auto again = [&] {
    load();
    EXPECT_EQ(answered(), expected);
  };
  EXPECT_GE(sweep(fault::reads, [&] { load(); }, again), 2);
}

TEST_F(FaultSweep, EveryAllocationOfLoadingMayFail) {
  load();
  const std::vector<int32_t> expected = answered();
  const auto again = [&] {
    load();
    EXPECT_EQ(answered(), expected);
  };
  EXPECT_GE(sweep(fault::allocations, [&] { load(); }, again), 5);
}

TEST_F(FaultSweep, EveryReadAndAllocationOfAPromptCacheMayFail) {
  load();
  const auto file = folder_.path() / "cache.safetensors";
  const auto cache = backend_->make_prompt_cache({});
  request_.prompt_ids = {5, 6, 7, 8};
  request_.cache = cache.get();
  backend_->generate(request_, nullptr);
  backend_->save_prompt_cache(*cache, file);
  const engine::CacheParams params;
  const auto loads = [&] { EXPECT_EQ(backend_->load_prompt_cache(file, params)->size(), cache->size()); };
  EXPECT_GE(sweep(fault::reads, loads, loads), 3);
  EXPECT_GE(sweep(fault::allocations, loads, loads), 1);
  EXPECT_GE(sweep(fault::allocations, [&] { backend_->save_prompt_cache(*cache, file); }, loads), 1);
}

}  // namespace
}  // namespace burin::backends
