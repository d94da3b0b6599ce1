#include "cli/chat.h"

#include <fmt/format.h>

#include "cli/answer.h"
#include "cli/cache_options.h"
#include "cli/chat_session.h"
#include "cli/line_editor.h"
#include "cli/signals.h"
#include "engine/prompt.h"

namespace burin::cli {
namespace {

engine::Prompt prompt_of(const ChatSession& session, const std::string& text, Templating templating) {
  return templating == Templating::On ? engine::Prompt(engine::ChatPrompt{.messages = session.messages()}) : text;
}

/** One turn; a failure is told and leaves the conversation as it was. */
void answer_turn(Context& context, engine::Backend& backend, ChatSession& session, const std::string& text,
                 engine::GenerateRequest request, Templating templating) {
  session.add_user(text);
  try {
    request.prompt_ids = engine::encode_prompt(backend, prompt_of(session, text, templating));
    const engine::GenerateResult result = answer(context, backend, std::move(request), Streaming::On);
    const bool stopped = result.finish_reason == engine::FinishReason::Cancelled;
    context.output.print(result.text.ends_with('\n') ? "" : "\n");
    context.output.note(speed_line(result) + (stopped ? "; stopped" : ""));
    session.add_assistant(result.text);
  } catch (const Error& error) {
    if (is_broken_pipe(error)) {
      throw;
    }
    session.drop_user();
    context.output.report(error);
  }
}

/** The next message; none at the end of input. */
bool read_message(LineEditor& editor, std::string& message) {
  MessageReader reader;
  while (true) {
    std::string line;
    const LineStatus status = editor.read(reader.is_open() ? "... " : ">>> ", line);
    if (status == LineStatus::End) {
      return false;
    }
    if (status == LineStatus::Interrupted) {
      reader.take();
    } else if (reader.add(line)) {
      message = reader.take();
      return true;
    }
  }
}

/** The memory of the whole conversation: a turn runs only what is new in it. */
std::unique_ptr<engine::PromptCache> make_memory(const Context& context, engine::Backend& backend,
                                                 const engine::CacheParams& params) {
  std::unique_ptr<engine::PromptCache> cache = open_prompt_cache(context, backend);
  if (cache != nullptr && !cache->knows_its_tokens()) {
    throw Error(ErrorCode::Unsupported, "chat", "the prompt cache does not say which text it was made of")
        .hint("a file of mlx-lm's can be continued with a prompt only: burin run MODEL PROMPT --prompt-cache FILE");
  }
  return cache != nullptr ? std::move(cache) : backend.make_prompt_cache(params);
}

void talk(Context& context, engine::Backend& backend, ChatSession& session, const engine::GenerateRequest& request,
          Templating templating) {
  const std::filesystem::path& state_dir = context.environment.state_dir;
  LineEditor editor(state_dir.empty() ? state_dir : state_dir / "chat_history");
  std::string message;
  while (read_message(editor, message)) {
    if (message.find_first_not_of(" \t\n") == std::string::npos) {
      continue;
    }
    editor.remember(message);
    if (!message.starts_with('/')) {
      answer_turn(context, backend, session, message, request, templating);
      continue;
    }
    const auto tell = [&](const std::string& text) { context.output.note(text); };
    if (run_chat_command(session, message, tell) == ChatAction::Leave) {
      return;
    }
  }
  context.output.print("\n");
}

}  // namespace

void chat(Context& context, engine::Backend& backend, const std::string& model, engine::GenerateRequest request,
          Templating templating) {
  const IgnoreInterrupts between_answers;
  const auto memory = make_memory(context, backend, request.cache_params);
  request.cache = memory.get();
  ChatSession session(model, context.arguments.text("--system"));
  context.output.note(model + "; /help lists the commands, /bye or Ctrl-D leaves");
  talk(context, backend, session, request, templating);
  keep_prompt_cache(context, backend, *memory);
}

}  // namespace burin::cli
