// JSON lines from stdin to stdout: one answer a line, a line that fails does not stop the rest.
#pragma once

#include <functional>

#include "cli/context.h"

namespace burin::cli {

constexpr Option kBatchOption{.name = "--batch", .help = "read JSON lines from stdin, write one JSON line for each"};

/**
 * Calls `work` for every line of stdin; lines end at \n alone. A line that is no object, or whose work throws,
 * becomes {"error": {type, message}}. With --json the answers are returned as {"records": [..]} instead.
 */
Json run_batch(Context& context, const std::function<Json(const JsonView& line)>& work);

}  // namespace burin::cli
