#include "cli/answer.h"

#include <exception>

#include <fmt/format.h>

#include "cli/signals.h"

namespace burin::cli {

engine::GenerateResult answer(Context& context, engine::Backend& backend, engine::GenerateRequest request,
                              Streaming streaming) {
  Output& output = context.output;
  output.start_answer(context.arguments.has("--no-word-wrap") ? Wrapping::Off : Wrapping::On);
  const CancelScope scope;
  request.cancel = &scope.flag();
  const int prompt_tokens = static_cast<int>(request.prompt_ids.size());
  request.on_prefill = [&](int done, int total) {
    if (prompt_tokens > request.prefill_step_size) {
      output.progress(fmt::format("reading the prompt: {} of {} tokens", done, total));
    }
  };
  std::exception_ptr failure;
  engine::GenerateResult result = backend.generate(request, [&](const engine::TokenEvent& event) {
    try {
      if (streaming == Streaming::On && !event.text.empty()) {
        output.print_answer(event.text);
      }
      return true;
    } catch (const Error&) {
      failure = std::current_exception();
      return false;
    }
  });
  output.progress("");
  if (failure) {
    std::rethrow_exception(failure);
  }
  return result;
}

std::string speed_line(const engine::GenerateResult& result) {
  const std::string cached = result.cached_tokens == 0 ? "" : fmt::format(" ({} remembered)", result.cached_tokens);
  const std::string guessed =
      result.draft_tokens == 0 ? ""
                               : fmt::format(" ({} of {} guesses right)", result.accepted_tokens, result.draft_tokens);
  return fmt::format("{} prompt tokens{}, {:.1f} tokens/s; {} tokens{}, {:.1f} tokens/s", result.prompt_tokens, cached,
                     result.prompt_tokens_per_s, result.tokens.size(), guessed, result.predicted_tokens_per_s);
}

}  // namespace burin::cli
