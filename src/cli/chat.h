// The chat at a terminal: `run MODEL` without a prompt.
#pragma once

#include <string>

#include "cli/context.h"

namespace burin::cli {

enum class Templating { Off, On };

/**
 * Reads lines until /bye or the end of input; every answer sees the whole conversation but computes only what is new.
 * Ctrl-C stops an answer or clears the line. `request` holds the sampling of every answer.
 */
void chat(Context& context, engine::Backend& backend, const std::string& model, engine::GenerateRequest request,
          Templating templating);

}  // namespace burin::cli
