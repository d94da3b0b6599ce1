// Logits of every position of a given sequence: what `burin logits` proves parity with.
#pragma once

#include "engine/backend.h"
#include "models/model.h"

namespace burin::backends {

/**
 * One row for every token: all but the last `steps` in pieces of `chunk` on one cache, the rest one by one.
 * Pieces are cut smaller where their logits alone would take more than 512 MiB.
 * Throws: InvalidArgument for ids outside the vocabulary, a negative chunk, or more steps than tokens.
 */
engine::Logits compute_logits(const models::Model& model, const engine::LogitsRequest& request);

}  // namespace burin::backends
