// One answer of a loaded model: the stream to stdout, the way to stop it. For `run` and chat.
#pragma once

#include <string>

#include "cli/context.h"

namespace burin::cli {

enum class Streaming { Off, On };

/**
 * Generates with `request`, printing to stdout as text comes. A signal ends the answer: its finish_reason is then
 * Cancelled. Throws: as Backend::generate.
 */
engine::GenerateResult answer(Context& context, engine::Backend& backend, engine::GenerateRequest request,
                              Streaming streaming);

/** "24 prompt tokens, 310.0 tokens/s; 80 tokens, 41.2 tokens/s". */
std::string speed_line(const engine::GenerateResult& result);

}  // namespace burin::cli
