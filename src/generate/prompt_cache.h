// What a conversation keeps between its turns, in memory and as a file of mlx-lm's format.
// Source: mlx-lm 0.32.2 models/cache.py, save_prompt_cache and load_prompt_cache.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "generate/sequence.h"

namespace burin::generate {

/** Sequences of one model and of the one that guesses for it, if any. */
class PromptCache : public text::PromptCache {
 public:
  PromptCache(const models::Model& model, const text::CacheParams& params) : target(model, params) {}

  int size() const override { return target.size(); }
  bool knows_its_tokens() const override { return target.knows_its_tokens(); }
  uint64_t nbytes() const override;
  /** Made when first asked for. */
  Sequence& draft(const models::Model& model);
  void clear();

  Sequence target;

 private:
  std::optional<Sequence> draft_;
};

/** Whose cache a file is. */
struct ModelIdentity {
  std::string name;         // for people and for mlx-lm
  std::string fingerprint;  // differs from other models of the same shape
};

/**
 * Writes the target's layers whole or not at all, with their tokens.
 * Throws: InvalidArgument for an empty cache; as OutputFile does.
 */
void save_prompt_cache(const PromptCache& cache, const ModelIdentity& model, const std::filesystem::path& file);

/**
 * Reads such a file, ours or mlx-lm's, into `cache`.
 * Throws: NotFound; Corrupt for a damaged file; InvalidArgument when it is another model's.
 */
void load_prompt_cache(PromptCache& cache, const ModelIdentity& model, const std::filesystem::path& file);

}  // namespace burin::generate
