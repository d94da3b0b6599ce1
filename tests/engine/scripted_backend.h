// A backend without a model, steered from the test: one token is one byte, the answer is the prompt.
#pragma once

#include <atomic>
#include <chrono>
#include <limits>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "base/error.h"
#include "engine/backend.h"

namespace burin::engine {

struct Script {
  std::atomic<int> failures{0};         // as many generations fail, after their first token
  std::atomic<bool> endless{false};     // answers go on until they are cancelled
  std::atomic<float> logit{1.0F};       // what the first step gives
  std::atomic<bool> load_fails{false};  //
  std::atomic<bool> load_waits{false};  // a load reports progress until it is cancelled
  std::atomic<int> loads{0};
  std::atomic<int> alive{0};  // backends
  std::atomic<int> caches{0};
  std::atomic<int> given_back{0};
  std::atomic<int> calls_elsewhere{0};  // calls on another thread than the one that made the backend
};

/** Remembers the newest prompt, as long as its backend lives. */
class ScriptedCache : public PromptCache {
 public:
  explicit ScriptedCache(Script& script) : script_(script) { ++script_.caches; }
  ~ScriptedCache() override {
    EXPECT_GT(script_.alive, 0) << "a cache outlived its model";
    --script_.caches;
  }
  int size() const override { return static_cast<int>(tokens.size()); }
  bool knows_its_tokens() const override { return true; }
  uint64_t nbytes() const override { return 100 * tokens.size(); }

  std::vector<int32_t> tokens;

 private:
  Script& script_;
};

class ScriptedBackend : public Backend {
 public:
  explicit ScriptedBackend(Script& script) : script_(script) { ++script_.alive; }
  ~ScriptedBackend() override {
    note_thread();
    --script_.alive;
  }

  void load(const LoadOptions& options) override {
    note_thread();
    ++script_.loads;
    if (script_.load_fails) {
      throw Error(ErrorCode::Corrupt, "model.safetensors", "it ends early");
    }
    do {
      options.on_progress(0.5);
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    } while (script_.load_waits);
    loaded_ = true;
  }
  void unload() override { loaded_ = false; }
  bool is_loaded() const override { return loaded_; }
  ModelFacts facts() const override {
    note_thread();
    return {
        .model_type = "scripted", .context_size = 64, .vocab_size = 256, .weight_bytes = 7, .kv_bytes_per_token = 2};
  }
  std::vector<int32_t> tokenize(std::string_view text, bool) override {
    note_thread();
    return {text.begin(), text.end()};
  }
  std::string detokenize(const std::vector<int32_t>& ids, bool) override { return {ids.begin(), ids.end()}; }
  bool has_chat_template() const override { return false; }
  std::string apply_chat_template(const Json&, const Json&, const Json&, bool) override {
    throw Error(ErrorCode::Unsupported, "template", "the model has no chat template");
  }

  GenerateResult generate(const GenerateRequest& request, const EventSink& on_event) override {
    note_thread();
    GenerateResult result{.finish_reason = FinishReason::Stop,
                          .prompt_tokens = static_cast<int>(request.prompt_ids.size())};
    if (auto* cache = static_cast<ScriptedCache*>(request.cache)) {
      result.cached_tokens = std::exchange(cache->tokens, request.prompt_ids) == request.prompt_ids ? 1 : 0;
    }
    const std::string text = detokenize(request.prompt_ids, false);
    for (size_t i = 0; script_.endless || i < text.size(); ++i) {
      if (*request.cancel) {
        result.finish_reason = FinishReason::Cancelled;
        break;
      }
      const std::string piece(1, text[i % text.size()]);
      result.text += piece;
      result.tokens.push_back(piece[0]);
      on_event({.text = piece, .id = piece[0]});
      if (script_.failures > 0) {
        --script_.failures;
        throw std::runtime_error("the kernel failed");
      }
      std::this_thread::sleep_for(std::chrono::microseconds(script_.endless ? 500 : 0));
    }
    return result;
  }
  Logits logits(const LogitsRequest& request) override {
    note_thread();
    EXPECT_EQ(request.tokens.size(), 1U);
    return {.values = {script_.logit, 0.0F}, .rows = 1, .vocab_size = 2};
  }
  std::unique_ptr<PromptCache> make_prompt_cache(const CacheParams& params) override {
    note_thread();
    if (params.kv_bits == 5) {
      throw Error(ErrorCode::InvalidArgument, "prompt cache", "no such width").fact("param", "kv_bits");
    }
    return std::make_unique<ScriptedCache>(script_);
  }
  void give_back_memory() override {
    note_thread();
    ++script_.given_back;
  }
  std::unique_ptr<PromptCache> load_prompt_cache(const std::filesystem::path&, const CacheParams&) override {
    throw not_scripted();
  }
  void save_prompt_cache(const PromptCache&, const std::filesystem::path&) override { throw not_scripted(); }
  Measurement measure(const MeasureRequest&) override { throw not_scripted(); }

 private:
  static Error not_scripted() { return Error(ErrorCode::Internal, "test", "not scripted"); }
  void note_thread() const { script_.calls_elsewhere += std::this_thread::get_id() == home_ ? 0 : 1; }

  Script& script_;
  std::thread::id home_ = std::this_thread::get_id();
  bool loaded_ = false;
};

}  // namespace burin::engine
