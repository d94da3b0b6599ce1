#include "cli/answer.h"

#include <exception>

#include <fmt/format.h>

#include "cli/signals.h"

namespace burin::cli {
namespace {

void check_room(const engine::Backend& backend, const engine::GenerateRequest& request) {
  const size_t length = request.prompt_ids.size();
  if (length == 0) {
    throw Error(ErrorCode::InvalidArgument, "prompt", "the prompt has no tokens");
  }
  const int context_size = backend.facts().context_size;
  if (context_size > 0 && length >= static_cast<size_t>(context_size)) {
    throw Error(ErrorCode::InvalidArgument, "prompt",
                fmt::format("the prompt has {} tokens, the context of the model {}", length, context_size))
        .hint("shorten the prompt")
        .fact("prompt_tokens", std::to_string(length))
        .fact("context_size", std::to_string(context_size));
  }
}

}  // namespace

std::vector<int32_t> encode_plain(engine::Backend& backend, std::string_view text) {
  std::vector<int32_t> with = backend.tokenize(text, true);
  std::vector<int32_t> without = backend.tokenize(text, false);
  const bool begins_with_special = !without.empty() && with.size() > without.size() && with.front() == without.front();
  return begins_with_special ? without : with;
}

std::vector<int32_t> encode_chat(engine::Backend& backend, const Json& messages) {
  return backend.tokenize(backend.apply_chat_template(messages, nullptr, Json::object(), true), false);
}

engine::GenerateResult answer(Context& context, engine::Backend& backend, engine::GenerateRequest request,
                              Streaming streaming) {
  check_room(backend, request);
  Output& output = context.output;
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
