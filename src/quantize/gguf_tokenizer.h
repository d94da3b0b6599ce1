// tokenizer.json and its companions, from the vocabulary inside a GGUF file.
#pragma once

#include "base/gguf.h"
#include "base/json.h"

namespace burin::quantize {

/** The tokenizer files of a model folder. */
struct TokenizerFiles {
  Json tokenizer;          // tokenizer.json
  Json tokenizer_config;   // tokenizer_config.json, with the chat template
  Json generation_config;  // generation_config.json
};

/**
 * Builds a byte-level BPE tokenizer (tokenizer.ggml.model "gpt2") with the pre-tokenizer that tokenizer.ggml.pre names,
 * or a SentencePiece one ("llama") with merges made from its scores.
 * Throws: Unsupported for other models and pre-tokenizers (named), Corrupt for a vocabulary that contradicts itself.
 */
TokenizerFiles make_tokenizer(const GgufFile& gguf, int64_t vocab_size);

}  // namespace burin::quantize
