#include <fmt/format.h>

#include "cli/answer.h"
#include "cli/cache_options.h"
#include "cli/chat.h"
#include "cli/format_options.h"
#include "cli/models.h"
#include "cli/sampling_options.h"
#include "engine/prompt.h"

namespace burin::cli {
namespace {

std::string prompt_of(const Context& context) {
  const std::string given = context.arguments.text("PROMPT");
  return given == "-" ? read_stdin() : given;
}

bool uses_template(Context& context, const engine::Backend& backend) {
  const bool uses = !context.arguments.has("--no-chat-template") && backend.has_chat_template();
  if (!uses && context.arguments.is_from_settings("--system")) {
    context.output.note("the setting for --system is left out: the prompt is used without a chat template");
  } else if (!uses && context.arguments.has("--system")) {
    throw Error(ErrorCode::InvalidArgument, "run", "--system needs a chat template")
        .hint("write it into the prompt instead");
  }
  return uses;
}

engine::Prompt whole_prompt(Context& context, engine::Backend& backend, const std::string& prompt) {
  if (!uses_template(context, backend)) {
    return prompt;
  }
  Json messages = Json::array();
  if (context.arguments.has("--system")) {
    messages.push_back({{"role", "system"}, {"content", context.arguments.text("--system")}});
  }
  messages.push_back({{"role", "user"}, {"content", prompt}});
  return engine::ChatPrompt{.messages = messages};
}

/** What follows a cache of mlx-lm's, which holds the template up to the question: from the question on. */
std::vector<int32_t> continuation(Context& context, engine::Backend& backend, const std::string& prompt) {
  if (!uses_template(context, backend)) {
    return backend.tokenize(prompt, false);
  }
  const auto render = [&](const std::string& content) {
    const Json messages = Json::array({{{"role", "user"}, {"content", content}}});
    return backend.apply_chat_template(messages, nullptr, Json::object(), true);
  };
  constexpr std::string_view kMark = "<query>";
  const size_t begin = render(std::string(kMark)).find(kMark);
  const std::string text = render(prompt);
  return backend.tokenize(begin < text.size() ? std::string_view(text).substr(begin) : prompt, false);
}

Json usage_of(const engine::GenerateResult& result) {
  Json usage{{"prompt_tokens", result.prompt_tokens}, {"completion_tokens", result.tokens.size()}};
  if (result.cached_tokens > 0) {
    usage["prompt_tokens_details"] = {{"cached_tokens", result.cached_tokens}};
  }
  if (result.draft_tokens > 0) {
    usage["completion_tokens_details"] = {{"accepted_prediction_tokens", result.accepted_tokens},
                                          {"rejected_prediction_tokens", result.draft_tokens - result.accepted_tokens}};
  }
  return usage;
}

Json data_of(const std::string& model, const std::string& prompt, const engine::GenerateResult& result,
             double load_ms) {
  return {{"model", model},
          {"prompt", prompt},
          {"response", result.text},
          {"tokens", result.tokens},
          {"finish_reason", to_string(result.finish_reason)},
          {"usage", usage_of(result)},
          {"timings",
           {{"load_ms", load_ms},
            {"first_token_ms", result.first_token_ms},
            {"prompt_per_second", result.prompt_tokens_per_s},
            {"predicted_per_second", result.predicted_tokens_per_s}}}};
}

void print_facts(Context& context, const std::string& model, const engine::ModelFacts& facts) {
  context.output.note(fmt::format("{}: {}, {} of weights, context {}, {} with {} threads, loaded in {:.0f} ms", model,
                                  facts.model_type, size_text(facts.weight_bytes), facts.context_size, facts.device,
                                  facts.thread_count, facts.load_ms));
}

Json run_chat(Context& context, const std::string& model, const engine::GenerateRequest& request,
              engine::Backend& backend) {
  chat(context, backend, model, request, uses_template(context, backend) ? Templating::On : Templating::Off);
  return nullptr;
}

Json run_once(Context& context, const std::string& model, const std::string& prompt, engine::GenerateRequest request,
              engine::Backend& backend) {
  Output& output = context.output;
  const auto cache = open_prompt_cache(context, backend);
  const bool continues = cache != nullptr && !cache->knows_its_tokens();
  request.prompt_ids = engine::encode_prompt(
      backend, continues ? continuation(context, backend, prompt) : whole_prompt(context, backend, prompt));
  request.cache = cache.get();
  const bool stream = !output.is_json() && !context.arguments.has("--no-stream");
  const engine::GenerateResult result =
      answer(context, backend, std::move(request), stream ? Streaming::On : Streaming::Off);
  if (!output.is_json()) {
    output.print_answer((stream ? "" : result.text) + (result.text.ends_with('\n') ? "" : "\n"));
    output.note(speed_line(result));
  }
  if (cache != nullptr) {
    keep_prompt_cache(context, backend, *cache);
  }
  if (result.finish_reason == engine::FinishReason::Cancelled) {
    throw Error(ErrorCode::Cancelled, "run", "interrupted");
  }
  return data_of(model, prompt, result, backend.facts().load_ms);
}

Json run(Context& context) {
  const Environment& environment = context.environment;
  const bool at_terminal = environment.stdin_terminal && environment.stdout_terminal && !context.output.is_json();
  const bool chatting = !context.arguments.has("PROMPT");
  if (chatting && !at_terminal) {
    throw Error(ErrorCode::InvalidArgument, "run", "there is no prompt").hint("give one, or - to read it from stdin");
  }
  engine::GenerateRequest request = request_from(context.arguments);
  request.grammar = grammar_from(context.arguments);
  request.cache_params = cache_params_from(context.arguments);
  request.speculation = speculation_from(context.arguments);
  const hub::ResolvedModel model = model_of(context);
  const std::string prompt = prompt_of(context);
  const auto backend = load_model(context, model, true);
  if (!context.output.is_json() && context.arguments.has("--verbose")) {
    print_facts(context, model.name, backend->facts());
  }
  return chatting ? run_chat(context, model.name, request, *backend)
                  : run_once(context, model.name, prompt, request, *backend);
}

}  // namespace

extern const Command run_command{
    .name = "run",
    .summary = "answer a prompt with a model",
    .positionals = {kModelPositional,
                    {.name = "PROMPT",
                     .help = "the question; - reads it from stdin; without it, a chat",
                     .required = false}},
    .options =
        std::vector<Option>{
            {.name = "--system",
             .kind = ValueKind::Text,
             .value_name = "TEXT",
             .help = "system message in front of the prompt"},
            {.name = "--no-chat-template", .help = "continue the prompt as plain text"},
            {.name = "--no-stream", .help = "print the answer when it is complete", .configurable = true},
            {.name = "--no-word-wrap", .help = "let the terminal break lines anywhere", .configurable = true},
            {.name = "--verbose", .help = "say on stderr what was loaded", .configurable = true}} +
        format_options() + sampling_options() + speculation_options() + prompt_cache_options() + cache_options() +
        execution_options(),
    .examples = {{.line = "burin run starter", .what = "a chat"},
                 {.line = "burin run starter \"What is the capital of France?\"", .what = "one answer, as it comes"},
                 {.line = "git diff | burin run qwen3 - --system \"Write a commit message.\"",
                  .what = "the prompt from a pipe"},
                 {.line = "burin run starter - --prompt-cache notes.safetensors < notes.txt",
                  .what = "the next question about the same text is answered at once"},
                 {.line = "burin run starter \"A haiku\" --temperature 0.8 --seed 7 --max-tokens 60",
                  .what = "a draw that can be repeated"},
                 {.line = "burin run starter \"A person\" --format person.json", .what = "JSON that fits a schema"}},
    .run = run,
};

}  // namespace burin::cli
