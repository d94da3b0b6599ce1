#include "engine/prompt.h"

#include <fmt/format.h>

#include "base/error.h"

namespace burin::engine {
namespace {

std::vector<int32_t> ids_of(Backend& backend, const Prompt& prompt) {
  if (const auto* text = std::get_if<std::string>(&prompt)) {
    return encode_text(backend, *text);
  }
  if (const auto* ids = std::get_if<std::vector<int32_t>>(&prompt)) {
    return *ids;
  }
  const auto& chat = std::get<ChatPrompt>(prompt);
  const std::string text =
      backend.apply_chat_template(chat.messages, chat.tools, chat.template_kwargs, chat.add_generation_prompt);
  return backend.tokenize(text, false);
}

}  // namespace

std::vector<int32_t> encode_text(Backend& backend, std::string_view text) {
  std::vector<int32_t> with = backend.tokenize(text, true);
  std::vector<int32_t> without = backend.tokenize(text, false);
  const bool has_its_own = !without.empty() && with.size() > without.size() && with.front() == without.front();
  return has_its_own ? without : with;
}

std::vector<int32_t> encode_prompt(Backend& backend, const Prompt& prompt) {
  std::vector<int32_t> ids = ids_of(backend, prompt);
  if (ids.empty()) {
    throw Error(ErrorCode::InvalidArgument, "prompt", "the prompt has no tokens").fact("param", "prompt");
  }
  const int context_size = backend.facts().context_size;
  if (context_size > 0 && ids.size() >= static_cast<size_t>(context_size)) {
    throw Error(ErrorCode::InvalidArgument, "prompt",
                fmt::format("the prompt has {} tokens, the context of the model {}", ids.size(), context_size))
        .hint("shorten the prompt")
        .fact("param", "prompt")
        .fact("prompt_tokens", std::to_string(ids.size()))
        .fact("context_size", std::to_string(context_size));
  }
  return ids;
}

}  // namespace burin::engine
