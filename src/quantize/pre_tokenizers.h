// What tokenizer.ggml.pre stands for, as tokenizer.json spells it.
#pragma once

#include <string>

#include "base/json.h"

namespace burin::quantize {

/** How text is cut before BPE, and what comes with that choice. */
struct PreTokenizer {
  Json normalizer;  // null: none
  Json pre_tokenizer;
  bool ignore_merges = false;  // whole words in the vocabulary are taken without merging
  bool add_bos = false;        // where the file does not say
};

/** Throws: Unsupported, naming `pre` and what is supported. */
PreTokenizer make_pre_tokenizer(const std::string& pre, const std::string& file);

}  // namespace burin::quantize
