// The layout of a saved prompt cache: which tensors of a safetensors file are which layer's, as mlx-lm writes it.
// The file is untrusted; what its numbers mean to a model is for whoever loads it to check.
// Source: mlx-lm 0.32.2 models/cache.py, save_prompt_cache: trees flattened to dotted paths.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/safetensors.h"

namespace burin {

/** One layer: its class in mlx-lm, and the members of its state by path within the layer. */
struct SavedCacheLayer {
  std::string class_name;
  std::map<std::string, TensorInfo> arrays;
  std::map<std::string, int> scalars;
};

struct PromptCacheFile {
  std::vector<SavedCacheLayer> layers;
  std::map<std::string, std::string> user_metadata;
};

/** Throws: Corrupt for a bad file or one that is no prompt cache; Unsupported for members that are no numbers. */
PromptCacheFile read_prompt_cache_file(const InputFile& file);

/** The metadata of such a file: classes, the paths of scalars, and the user's own entries (at least one). */
std::map<std::string, std::string> prompt_cache_metadata(const PromptCacheFile& content);

}  // namespace burin
