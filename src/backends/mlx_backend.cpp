#include "backends/mlx_backend.h"

#include <chrono>
#include <future>
#include <utility>

#include "backends/border.h"
#include "backends/convert.h"
#include "backends/logits.h"
#include "generate/stream.h"
#include "models/model.h"
#include "ops/runtime.h"
#include "quantize/gguf_import.h"
#include "text/chat_template.h"
#include "text/tokenizer.h"

namespace burin::backends {
namespace {

namespace fs = std::filesystem;

/** The text side of a model folder; holds no arrays, so it loads on a thread of its own. */
struct TextSide {
  std::unique_ptr<text::Tokenizer> tokenizer;
  std::unique_ptr<text::ChatTemplate> chat_template;  // null: the model has none
};

TextSide load_text(const fs::path& model_dir) {
  return {.tokenizer = text::Tokenizer::load(model_dir), .chat_template = text::ChatTemplate::load(model_dir)};
}

class MlxBackend : public engine::Backend {
 public:
  void load(const engine::LoadOptions& options) override {
    unload();
    name_ = options.model_dir.filename().string();
    at_border("load", name_, [&] {
      const auto start = std::chrono::steady_clock::now();
      ops::configure_cpu();
      ops::set_threads(options.threads);
      std::future<TextSide> text;
      if (options.with_tokenizer) {
        text = std::async(std::launch::async, load_text, options.model_dir);
      }
      auto model = models::load_model(
          options.model_dir,
          {.precision = options.precision == engine::Precision::Exact ? ops::Precision::Exact : ops::Precision::Fast,
           .on_progress = options.on_progress});
      text_ = text.valid() ? text.get() : TextSide{};
      model_ = std::move(model);
      load_ms_ = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
    });
  }

  void unload() override {
    model_.reset();
    text_ = {};
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

  bool has_chat_template() const override { return text_.chat_template != nullptr; }

  std::string apply_chat_template(const Json& messages, const Json& tools, const Json& kwargs,
                                  bool add_generation_prompt) override {
    return at_border("template", name_, [&] {
      if (!has_chat_template()) {
        throw Error(ErrorCode::Unsupported, "template", "the model has no chat template")
            .hint("give the prompt as plain text (--no-chat-template)");
      }
      return text_.chat_template->render(
          text::template_context(tokenizer(), messages, tools, kwargs, add_generation_prompt));
    });
  }

  engine::GenerateResult generate(const engine::GenerateRequest& request, const engine::EventSink& on_event) override {
    return at_border("generate", name_, [&] {
      const auto sink = [&](const generate::TokenEvent& event) { return !on_event || on_event(to_engine(event)); };
      return to_engine(generate::generate(model(), text_.tokenizer.get(), to_generate(request), sink));
    });
  }

  engine::Logits logits(const engine::LogitsRequest& request) override {
    return at_border("logits", name_, [&] { return compute_logits(model(), request); });
  }

 private:
  const models::Model& model() const {
    if (model_ == nullptr) {
      throw Error(ErrorCode::InvalidArgument, "backend", "no model is loaded");
    }
    return *model_;
  }

  text::Tokenizer& tokenizer() const {
    if (text_.tokenizer == nullptr) {
      throw Error(ErrorCode::InvalidArgument, "backend", "the model was loaded without its tokenizer");
    }
    return *text_.tokenizer;
  }

  std::string name_;
  std::unique_ptr<models::Model> model_;
  TextSide text_;
  double load_ms_ = 0.0;
};

class MlxTools : public engine::ModelTools {
 public:
  Json import_gguf(const engine::ImportOptions& options) override {
    return at_border("import", options.file.filename().string(), [&] {
      return quantize::import_gguf(
          {.file = options.file, .out_dir = options.out_dir, .on_progress = options.on_progress});
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
