#include "backends/mlx_backend.h"

#if defined(__GLIBC__)
#include <malloc.h>
#endif

#include <chrono>
#include <future>
#include <map>
#include <optional>
#include <utility>

#include "backends/border.h"
#include "backends/logits.h"
#include "backends/measure.h"
#include "generate/prompt_cache.h"
#include "generate/stream.h"
#include "models/fingerprint.h"
#include "models/model.h"
#include "ops/runtime.h"
#include "quantize/gguf_import.h"
#include "text/chat_template.h"
#include "text/tokenizer.h"

namespace burin::backends {
namespace {

namespace fs = std::filesystem;

/** What lies in the C allocator's free lists: after parsing a tokenizer some 5% of a small model. */
void give_back_freed_memory() {
#if defined(__GLIBC__)
  ::malloc_trim(0);
#endif
}

class MlxBackend : public engine::Backend {
 public:
  void load(const engine::LoadOptions& options) override {
    at_border("load", "", [&] {
      unload();
      name_ = (options.model_dir / "").parent_path().filename().string();
    });
    at_border("load", name_, [&] {
      const auto start = std::chrono::steady_clock::now();
      ops::configure_cpu();
      ops::set_threads(options.threads);
      std::future<text::Tokenizer> tokenizer;  // holds no arrays, so it loads beside the weights
      if (options.with_tokenizer) {
        tokenizer = std::async(std::launch::async, text::Tokenizer::load, options.model_dir);
      }
      models::LoadModelOptions reading = model_options(options);
      reading.on_progress = options.on_progress;
      if (tokenizer.valid()) {
        reading.wait_for_cpu = [&tokenizer] { tokenizer.wait(); };
      }
      auto model = models::load_model(options.model_dir, reading);
      if (tokenizer.valid()) {
        tokenizer_ = tokenizer.get();
      }
      if (!options.draft_dir.empty()) {
        draft_ = load_draft(options);
      }
      give_back_freed_memory();
      model_ = std::move(model);
      model_dir_ = options.model_dir;
      load_ms_ = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
    });
  }

  void unload() override {
    model_.reset();
    draft_.reset();
    tokenizer_.reset();
    chat_templates_.clear();
    mlx::core::clear_cache();
  }

  bool is_loaded() const override { return model_ != nullptr; }

  engine::ModelFacts facts() const override {
    const models::ModelFacts& facts = model().facts();
    return {
        .model_type = facts.model_type,
        .context_size = facts.context_size,
        .vocab_size = facts.vocab_size,
        .thread_count = ops::threads(),
        .device = ops::runtime_facts().device,
        .load_ms = load_ms_,
        .weight_bytes = facts.weight_bytes,
        .kv_bytes_per_token = facts.kv_bytes_per_token,
    };
  }

  std::vector<int32_t> tokenize(std::string_view text, bool add_special_tokens) override {
    return at_border("tokenize", name_, [&] { return tokenizer().encode(text, add_special_tokens); });
  }

  std::string detokenize(const std::vector<int32_t>& ids, bool skip_special_tokens) override {
    return at_border("detokenize", name_, [&] { return tokenizer().decode(ids, skip_special_tokens); });
  }

  bool has_chat_template() const override {
    return at_border("template", name_, [&] { return chat_template(/* with_tools = */ false).has_value(); });
  }

  std::string apply_chat_template(const Json& messages, const Json& tools, const Json& kwargs,
                                  bool add_generation_prompt) override {
    return at_border("template", name_, [&] {
      const std::optional<text::ChatTemplate>& jinja = chat_template(!tools.is_null());
      if (!jinja) {
        throw Error(ErrorCode::Unsupported, "template", "the model has no chat template")
            .hint("give the prompt as plain text (--no-chat-template)");
      }
      return jinja->render(
          text::template_context(&tokenizer(), messages, tools, Json(), add_generation_prompt, kwargs));
    });
  }

  engine::GenerateResult generate(const engine::GenerateRequest& request, const engine::EventSink& on_event) override {
    return at_border("generate", name_, [&] {
      return generate::generate(
          {.model = model(), .tokenizer = tokenizer_ ? &*tokenizer_ : nullptr, .draft = draft_.get()}, request,
          on_event);
    });
  }

  std::unique_ptr<engine::PromptCache> make_prompt_cache(const engine::CacheParams& params) override {
    return at_border("prompt cache", name_, [&] { return std::make_unique<generate::PromptCache>(model(), params); });
  }

  std::unique_ptr<engine::PromptCache> load_prompt_cache(const fs::path& file,
                                                         const engine::CacheParams& params) override {
    return at_border("prompt cache", name_, [&] {
      auto cache = std::make_unique<generate::PromptCache>(model(), params);
      generate::load_prompt_cache(*cache, identity(), file);
      return cache;
    });
  }

  void save_prompt_cache(const engine::PromptCache& cache, const fs::path& file) override {
    at_border("prompt cache", name_, [&] {
      generate::save_prompt_cache(dynamic_cast<const generate::PromptCache&>(cache), identity(), file);
    });
  }

  void give_back_memory() override {
    at_border("memory", name_, [] {
      mlx::core::clear_cache();
      give_back_freed_memory();
    });
  }

  engine::Logits logits(const engine::LogitsRequest& request) override {
    return at_border("logits", name_, [&] { return compute_logits(model(), request); });
  }

  engine::Measurement measure(const engine::MeasureRequest& request) override {
    return at_border("bench", name_, [&] { return backends::measure(model(), request); });
  }

 private:
  static models::LoadModelOptions model_options(const engine::LoadOptions& options) {
    const bool exact = options.precision == engine::Precision::Exact;
    return {.precision = exact ? ops::Precision::Exact : ops::Precision::Fast, .pack_folder = options.pack_folder};
  }

  /** Throws: InvalidArgument when its tokens are not those of the model. */
  std::unique_ptr<models::Model> load_draft(const engine::LoadOptions& options) const {
    if (tokenizer_) {
      const text::Tokenizer other = text::Tokenizer::load(options.draft_dir);
      constexpr std::string_view kProbe = "The 3 quick brown foxes, naïve 東京 🦊\n\tdef f(x): return x";
      if (other.vocab_size() != tokenizer_->vocab_size() ||
          other.encode(kProbe, true) != tokenizer_->encode(kProbe, true)) {
        throw Error(ErrorCode::InvalidArgument, "draft", "the draft model has another vocabulary than the model")
            .hint("take a smaller model of the same family")
            .fact("param", "draft_model");
      }
    }
    return models::load_model(options.draft_dir, model_options(options));
  }

  generate::ModelIdentity identity() const {
    return {.name = name_, .fingerprint = models::model_fingerprint(model_dir_)};
  }

  const models::Model& model() const {
    if (model_ == nullptr) {
      throw Error(ErrorCode::InvalidArgument, "backend", "no model is loaded");
    }
    return *model_;
  }

  const text::Tokenizer& tokenizer() const {
    if (!tokenizer_) {
      throw Error(ErrorCode::InvalidArgument, "backend", "the model was loaded without its tokenizer");
    }
    return *tokenizer_;
  }

  /** Read when first asked for: a broken template must not keep a model from answering plain prompts. */
  const std::optional<text::ChatTemplate>& chat_template(bool with_tools) const {
    model();
    auto it = chat_templates_.find(with_tools);
    if (it == chat_templates_.end()) {
      it = chat_templates_.emplace(with_tools, text::ChatTemplate::load(model_dir_, with_tools)).first;
    }
    return it->second;
  }

  std::string name_;
  fs::path model_dir_;
  std::unique_ptr<models::Model> model_;
  std::unique_ptr<models::Model> draft_;
  std::optional<text::Tokenizer> tokenizer_;
  mutable std::map<bool, std::optional<text::ChatTemplate>> chat_templates_;  // by "with tools"
  double load_ms_ = 0.0;
};

class MlxTools : public engine::ModelTools {
 public:
  Json import_gguf(const engine::ImportOptions& options) override {
    return at_border("import", options.file.filename().string(), [&] {
      return quantize::import_gguf({.file = options.file,
                                    .out_dir = options.out_dir,
                                    .requantize_bits = options.requantize_bits,
                                    .on_progress = options.on_progress});
    });
  }
};

}  // namespace

std::unique_ptr<engine::Backend> make_mlx_backend() {
  return std::make_unique<MlxBackend>();
}

std::unique_ptr<engine::ModelTools> make_mlx_tools() {
  return std::make_unique<MlxTools>();
}

}  // namespace burin::backends
