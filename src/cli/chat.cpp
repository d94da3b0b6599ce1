#include "cli/chat.h"

#include <fmt/format.h>

#include "cli/answer.h"
#include "cli/chat_session.h"
#include "cli/line_editor.h"
#include "cli/signals.h"

namespace burin::cli {
namespace {

std::vector<int32_t> encode(engine::Backend& backend, const ChatSession& session, const std::string& text,
                            Templating templating) {
  return templating == Templating::On ? encode_chat(backend, session.messages()) : encode_plain(backend, text);
}

/** One turn; a failure is told and leaves the conversation as it was. */
void answer_turn(Context& context, engine::Backend& backend, ChatSession& session, const std::string& text,
                 engine::GenerateRequest request, Templating templating) {
  session.add_user(text);
  try {
    request.prompt_ids = encode(backend, session, text, templating);
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

}  // namespace

void chat(Context& context, engine::Backend& backend, const std::string& model, const engine::GenerateRequest& request,
          Templating templating, const std::string& system) {
  const std::filesystem::path& state_dir = context.environment.state_dir;
  const IgnoreInterrupts between_answers;
  LineEditor editor(state_dir.empty() ? state_dir : state_dir / "chat_history");
  ChatSession session(model, system);
  context.output.note(model + "; /help lists the commands, /bye or Ctrl-D leaves");
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

}  // namespace burin::cli
