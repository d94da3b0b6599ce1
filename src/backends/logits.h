// Logits of every position of a given sequence: what `burin logits` proves parity with.
#pragma once

#include "engine/backend.h"
#include "models/model.h"

namespace burin::backends {

constexpr int64_t kMaxPieceBytes = int64_t{512} << 20;

/**
 * One row for every token: all but the last `steps` in pieces of `chunk` on one cache, the rest one by one.
 * Pieces are cut smaller where their logits alone would take more than `max_piece_bytes`.
 * Throws: InvalidArgument for ids outside the vocabulary, a negative chunk, or more steps than tokens.
 */
engine::Logits compute_logits(const models::Model& model, const engine::LogitsRequest& request,
                              int64_t max_piece_bytes = kMaxPieceBytes);

}  // namespace burin::backends
