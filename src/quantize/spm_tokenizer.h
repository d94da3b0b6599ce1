// The SentencePiece half of a GGUF vocabulary: pieces with scores become BPE merges.
// Source: transformers 5.23 convert_slow_tokenizer.py (LlamaConverter) and generate_merges.
#pragma once

#include <string>
#include <vector>

#include "base/gguf.h"
#include "base/json.h"

namespace burin::quantize {

/** The parts of tokenizer.json that differ from byte-level BPE. */
struct SpmParts {
  Json normalizer;
  Json decoder;
  Json merges;                 // [[left, right], ..], best score first
  Json unk_token;              // null without one
  bool byte_fallback = false;  // all 256 <0xNN> are there
};

/**
 * `tokens` and `types` are of one length. Every way to cut a piece into two pieces is a merge with the piece's score,
 * so the best score is merged first, as SentencePiece does. Throws: Corrupt for scores that are missing, too few or no
 * numbers and for pieces of absurd length; Unsupported for a table of normalization.
 */
SpmParts make_spm_parts(const GgufFile& gguf, const std::vector<std::string>& tokens,
                        const std::vector<int64_t>& types);

}  // namespace burin::quantize
