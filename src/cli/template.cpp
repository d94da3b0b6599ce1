#include <optional>

#include "base/file.h"
#include "cli/batch.h"
#include "cli/models.h"
#include "text/chat_template.h"

namespace burin::cli {
namespace {

constexpr uint64_t kMaxTemplate = uint64_t{1} << 20;

/** The templates of one model folder and its tokenizer's named tokens; each is loaded when first needed. */
class Templates {
 public:
  Templates(std::filesystem::path dir, std::optional<text::ChatTemplate> given)
      : dir_(std::move(dir)), given_(std::move(given)) {
    std::error_code ignored;
    if (std::filesystem::exists(dir_ / "tokenizer.json", ignored)) {
      tokenizer_ = text::Tokenizer::load(dir_);
    }
  }

  const text::Tokenizer* tokenizer() const { return tokenizer_ ? &*tokenizer_ : nullptr; }

  const text::ChatTemplate& own(bool with_tools) {
    if (given_) {
      return *given_;
    }
    std::optional<text::ChatTemplate>& slot = with_tools ? for_tools_ : plain_;
    if (!slot) {
      slot = text::ChatTemplate::load(dir_, with_tools);
    }
    if (!slot) {
      throw Error(ErrorCode::NotFound, "template", "the model has no chat template")
          .hint("give one with --template FILE");
    }
    return *slot;
  }

  const text::ChatTemplate& from_source(const std::string& source) {
    if (!compiled_ || source != source_) {
      compiled_ = text::ChatTemplate::from_source(source);
      source_ = source;
    }
    return *compiled_;
  }

 private:
  std::filesystem::path dir_;
  std::optional<text::ChatTemplate> given_;
  std::optional<text::ChatTemplate> plain_;
  std::optional<text::ChatTemplate> for_tools_;
  std::optional<text::ChatTemplate> compiled_;
  std::string source_;
  std::optional<text::Tokenizer> tokenizer_;
};

Json or_null(const Json* value) {
  return value == nullptr ? Json(nullptr) : *value;
}

std::string render(Templates& templates, const JsonView& request, bool add_generation_prompt) {
  const Json tools = or_null(request.find("tools"));
  const Json* kwargs = request.find("kwargs");
  const text::ChatTemplate& chat_template =
      request.has("template") ? templates.from_source(request.string("template")) : templates.own(!tools.is_null());
  return chat_template.render(text::template_context(templates.tokenizer(), or_null(request.find("messages")), tools,
                                                     or_null(request.find("documents")),
                                                     request.boolean_or("add_generation_prompt", add_generation_prompt),
                                                     kwargs == nullptr ? Json::object() : *kwargs));
}

Json read_json(const std::string& file) {
  return file == "-" ? parse_json(read_stdin(), "stdin") : read_json_file(file);
}

Json run(Context& context) {
  const Arguments& arguments = context.arguments;
  std::optional<text::ChatTemplate> given;
  if (arguments.has("--template")) {
    given = text::ChatTemplate::from_source(read_file(arguments.text("--template"), kMaxTemplate));
  }
  Templates templates(model_of(context).dir, std::move(given));
  const bool add_generation_prompt = arguments.has("--add-generation-prompt");
  if (arguments.has("--batch")) {
    return run_batch(
        context, [&](const JsonView& line) { return Json{{"text", render(templates, line, add_generation_prompt)}}; });
  }
  if (!arguments.has("--messages")) {
    throw Error(ErrorCode::InvalidArgument, "template", "--messages is missing")
        .hint("give a file with a list of messages, or --batch");
  }
  Json request{{"messages", read_json(arguments.text("--messages"))}};
  if (arguments.has("--tools")) {
    request["tools"] = read_json(arguments.text("--tools"));
  }
  const std::string text = render(templates, JsonView(request, "template"), add_generation_prompt);
  if (!context.output.is_json()) {
    context.output.print_untrusted(text);
  }
  return {{"text", text}};
}

}  // namespace

extern const Command template_command{
    .name = "template",
    .summary = "show messages as the model's chat template writes them",
    .positionals = {kModelPositional},
    .options = {{.name = "--messages",
                 .kind = ValueKind::Text,
                 .value_name = "FILE",
                 .help = "JSON list of {role, content}; - reads stdin"},
                {.name = "--tools", .kind = ValueKind::Text, .value_name = "FILE", .help = "JSON list of tools"},
                {.name = "--add-generation-prompt", .help = "end with the opening of the answer"},
                {.name = "--template",
                 .kind = ValueKind::Text,
                 .value_name = "FILE",
                 .help = "Jinja template to use instead of the model's"},
                kBatchOption},
    .examples = {{.line = "burin template starter --messages chat.json --add-generation-prompt",
                  .what = "the prompt that a chat becomes"},
                 {.line = "burin template starter --batch < lines.jsonl",
                  .what = "{\"messages\": [..], \"tools\"?, \"template\"?, \"kwargs\"?} on every line"}},
    .run = run,
};

}  // namespace burin::cli
