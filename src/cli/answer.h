// One answer of a loaded model: the prompt as tokens, the stream to stdout, the way to stop it. For `run` and chat.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cli/context.h"

namespace burin::cli {

/** Special tokens are added unless the text already begins with the one that would come first. */
std::vector<int32_t> encode_plain(engine::Backend& backend, std::string_view text);

/** `messages` in the model's chat template, which brings its special tokens itself. */
std::vector<int32_t> encode_chat(engine::Backend& backend, const Json& messages);

enum class Streaming { Off, On };

/**
 * Generates with `request`, printing to stdout as text comes. A signal ends the answer: its finish_reason is then
 * Cancelled. Throws: InvalidArgument for a prompt that is empty or leaves no room in the context.
 */
engine::GenerateResult answer(Context& context, engine::Backend& backend, engine::GenerateRequest request,
                              Streaming streaming);

/** "24 prompt tokens, 310.0 tokens/s; 80 tokens, 41.2 tokens/s". */
std::string speed_line(const engine::GenerateResult& result);

}  // namespace burin::cli
