// A backend module without a model: one token is one byte, id 1 is <s>, and the answer follows from the prompt.
// "escape" answers with terminal controls, "slow" for ever, "fail" and "crash" not at all; others are echoed.
// The import of a file that begins with SLOW never ends by itself.
#include <algorithm>
#include <chrono>
#include <fstream>
#include <span>
#include <thread>

#include "base/error.h"
#include "base/export.h"
#include "base/file.h"
#include "engine/backend.h"

namespace {

using namespace burin;
using namespace burin::engine;

/** Remembers tokens; its file holds them as text. */
class FakePromptCache : public PromptCache {
 public:
  int size() const override { return static_cast<int>(tokens.size()); }
  bool knows_its_tokens() const override { return true; }
  uint64_t nbytes() const override { return tokens.size(); }

  std::vector<int32_t> tokens;
};

class FakeBackend : public Backend {
 public:
  void load(const LoadOptions& options) override {
    if (options.on_progress) {
      options.on_progress(1.0);
    }
    dir_ = options.model_dir;
    context_size_ = static_cast<int>(JsonView(read_json_file(dir_ / "config.json"), "config.json")
                                         .integer_or("max_position_embeddings", 4096, 1, 1 << 20));
    loaded_ = true;
  }
  void unload() override { loaded_ = false; }
  bool is_loaded() const override { return loaded_; }
  ModelFacts facts() const override {
    return {
        .model_type = "fake", .context_size = context_size_, .vocab_size = 256, .thread_count = 1, .device = "none"};
  }

  std::vector<int32_t> tokenize(std::string_view text, bool add_special_tokens) override {
    std::vector<int32_t> ids;
    if (add_special_tokens) {
      ids.push_back(1);
    }
    if (text.starts_with("<s>")) {
      ids.push_back(1);
      text.remove_prefix(3);
    }
    for (const char c : text) {
      ids.push_back(static_cast<unsigned char>(c));
    }
    return ids;
  }
  std::string detokenize(const std::vector<int32_t>& ids, bool /*skip_special_tokens*/) override {
    std::string text;
    for (const int32_t id : ids) {
      text += id == 1 ? std::string("<s>") : std::string(1, static_cast<char>(id));
    }
    return text;
  }

  bool has_chat_template() const override { return std::filesystem::exists(dir_ / "chat_template.jinja"); }
  std::string apply_chat_template(const Json& messages, const Json& /*tools*/, const Json& /*kwargs*/,
                                  bool /*add_generation_prompt*/) override {
    std::string text = "<s>";
    for (const Json& message : messages) {
      text += "[" + message["role"].get<std::string>() + "]" + message["content"].get<std::string>();
    }
    return text;
  }

  GenerateResult generate(const GenerateRequest& request, const EventSink& on_event) override {
    const std::string prompt = detokenize(request.prompt_ids, false);
    const auto asks = [&](const char* word) { return prompt.find(word) != std::string::npos; };
    if (asks("fail")) {
      throw Error(ErrorCode::ResourceExhausted, "generate", "no memory left").fact("needed", "7");
    }
    if (asks("crash")) {
      throw std::runtime_error("unexpected");
    }
    std::string text = asks("escape") ? "a\x1b[31mb\rc\xc2\x9b"
                                        "d"
                                      : prompt;
    GenerateResult result{.prompt_tokens = static_cast<int>(request.prompt_ids.size()),
                          .first_token_ms = 1,
                          .prompt_tokens_per_s = 100,
                          .predicted_tokens_per_s = 10};
    result.finish_reason = FinishReason::Stop;
    auto* cache = dynamic_cast<FakePromptCache*>(request.cache);
    if (cache != nullptr) {
      const auto same = std::ranges::mismatch(cache->tokens, request.prompt_ids).in1;
      result.cached_tokens = static_cast<int>(same - cache->tokens.begin());
      cache->tokens = request.prompt_ids;
    }
    const bool slow = asks("slow");
    for (size_t i = 0; slow || i < text.size(); ++i) {
      if (static_cast<int>(i) == request.max_tokens) {
        result.finish_reason = FinishReason::Length;
        break;
      }
      const std::string piece = slow ? "." : text.substr(i, 1);
      result.text += piece;
      result.tokens.push_back(static_cast<unsigned char>(piece[0]));
      const bool go_on = on_event({.text = piece, .id = result.tokens.back()});
      if (!go_on || (request.cancel != nullptr && *request.cancel)) {
        result.finish_reason = FinishReason::Cancelled;
        break;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(slow ? 20 : 0));
    }
    return result;
  }

  void give_back_memory() override {}
  std::unique_ptr<PromptCache> make_prompt_cache(const CacheParams& params) override {
    if (params.kv_bits == 5) {
      throw Error(ErrorCode::InvalidArgument, "prompt cache", "no such width").fact("param", "kv_bits");
    }
    return std::make_unique<FakePromptCache>();
  }
  std::unique_ptr<PromptCache> load_prompt_cache(const std::filesystem::path& file,
                                                 const CacheParams& /*params*/) override {
    auto cache = std::make_unique<FakePromptCache>();
    cache->tokens = tokenize(read_file(file, 1 << 20), false);
    return cache;
  }
  void save_prompt_cache(const PromptCache& cache, const std::filesystem::path& file) override {
    write_file_atomic(file, detokenize(dynamic_cast<const FakePromptCache&>(cache).tokens, false));
  }

  Measurement measure(const MeasureRequest& request) override {
    return {.prompt_seconds = request.prompt_tokens / 1000.0, .gen_seconds = request.gen_tokens / 100.0};
  }

  Logits logits(const LogitsRequest& request) override {
    const int vocab_size = std::max(4, 1 + *std::ranges::max_element(request.tokens));
    Logits logits{.rows = static_cast<int>(request.tokens.size()), .vocab_size = vocab_size};
    logits.values.assign(static_cast<size_t>(logits.rows) * vocab_size, static_cast<float>(request.chunk));
    return logits;
  }

 private:
  std::filesystem::path dir_;
  int context_size_ = 0;
  bool loaded_ = false;
};

class FakeTools : public ModelTools {
 public:
  Json import_gguf(const ImportOptions& options) override {
    if (std::filesystem::file_size(options.file) < 4) {
      throw Error(ErrorCode::Corrupt, options.file.filename().string(), "not a GGUF file");
    }
    std::filesystem::create_directory(options.out_dir);
    options.on_progress(0.5, "half");
    while (read_file(options.file, 1024).starts_with("SLOW")) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      options.on_progress(0.6, "more");
    }
    std::ofstream(options.out_dir / "config.json") << R"({"model_type":"llama"})";
    options.on_progress(1.0, "done");
    return {{"model_type", "llama"}, {"tensors", 1}, {"size_bytes", 22}, {"quantization", nullptr}};
  }
};

}  // namespace

extern "C" BURIN_API const BackendModule* burin_backend_module(int abi) {
  static const BackendModule module{.name = "mlx",
                                    .version = "fake 1",
                                    .make_backend = [] { return std::make_unique<FakeBackend>(); },
                                    .make_tools = [] { return std::make_unique<FakeTools>(); },
                                    .details = [] { return Json{{"device", "none"}}; }};
  return abi == kBackendAbi ? &module : nullptr;
}
