// What a sequence remembers, and who guesses ahead: options of `run` and `bench`.
#pragma once

#include <memory>
#include <vector>

#include "cli/context.h"

namespace burin::cli {

/** --max-kv-size, --kv-bits, --kv-group-size, --quantized-kv-start: mlx-lm's names and defaults. */
std::vector<Option> cache_options();
engine::CacheParams cache_params_from(const Arguments& arguments);

/** --draft, --prompt-lookup, --num-draft-tokens. */
std::vector<Option> speculation_options();
/** Throws: InvalidArgument for two ways of guessing at once. */
engine::Speculation speculation_from(const Arguments& arguments);

/** --prompt-cache. */
std::vector<Option> prompt_cache_options();

/** The cache in the file that --prompt-cache names, or an empty one; null where the option is not given. */
std::unique_ptr<engine::PromptCache> open_prompt_cache(const Context& context, engine::Backend& backend);
/** Writes it back where --prompt-cache is given; an empty one is not written. */
void keep_prompt_cache(const Context& context, engine::Backend& backend, const engine::PromptCache& cache);

}  // namespace burin::cli
