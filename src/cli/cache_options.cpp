#include "cli/cache_options.h"

#include <filesystem>

#include "base/error.h"

namespace burin::cli {
namespace {

using enum ValueKind;

constexpr double kMaxInt = 2147483647;

int integer(const Arguments& arguments, std::string_view name) {
  return static_cast<int>(arguments.integer(name));
}

}  // namespace

std::vector<Option> cache_options() {
  return {{.name = "--max-kv-size",
           .kind = Integer,
           .value_name = "N",
           .default_text = "0",
           .low = 0,
           .high = kMaxInt,
           .help = "remember the first 4 tokens and the newest, N in all, in layers without a window; 0: everything"},
          {.name = "--kv-bits",
           .kind = Integer,
           .value_name = "BITS",
           .default_text = "0",
           .low = 0,
           .high = 8,
           .help = "quantize what layers without a window remember to 2, 3, 4, 5, 6 or 8 bits; 0: keep it as computed"},
          {.name = "--kv-group-size",
           .kind = Integer,
           .value_name = "N",
           .default_text = "64",
           .low = 32,
           .high = 128,
           .help = "values that share one scale with --kv-bits: 32, 64 or 128"},
          {.name = "--quantized-kv-start",
           .kind = Integer,
           .value_name = "N",
           .default_text = "5000",
           .low = 0,
           .high = kMaxInt,
           .help = "tokens from which on --kv-bits quantizes"}};
}

engine::CacheParams cache_params_from(const Arguments& arguments) {
  return {.max_kv_size = integer(arguments, "--max-kv-size"),
          .kv_bits = integer(arguments, "--kv-bits"),
          .kv_group_size = integer(arguments, "--kv-group-size"),
          .quantized_kv_start = integer(arguments, "--quantized-kv-start")};
}

std::vector<Option> speculation_options() {
  return {{.name = "--draft",
           .kind = Text,
           .value_name = "MODEL",
           .help = "a smaller model of the same vocabulary that guesses tokens; the answer stays the same"},
          {.name = "--prompt-lookup",
           .help = "guess that words follow each other as they did before; fast on text that repeats the prompt"},
          {.name = "--num-draft-tokens",
           .kind = Integer,
           .value_name = "N",
           .default_text = "3",
           .low = 1,
           .high = 64,
           .help = "tokens to guess at most at a time; fewer while guesses are wrong"}};
}

engine::Speculation speculation_from(const Arguments& arguments) {
  const bool model = arguments.has("--draft");
  const bool lookup = arguments.has("--prompt-lookup");
  if (model && lookup) {
    throw Error(ErrorCode::InvalidArgument, "run", "--draft and --prompt-lookup exclude each other");
  }
  return {.method = model    ? engine::DraftMethod::Model
                    : lookup ? engine::DraftMethod::PromptLookup
                             : engine::DraftMethod::None,
          .num_draft_tokens = integer(arguments, "--num-draft-tokens")};
}

std::vector<Option> prompt_cache_options() {
  return {{.name = "--prompt-cache",
           .kind = Text,
           .value_name = "FILE",
           .help = "go on from what FILE remembers where the prompt begins alike, and leave the new state there"}};
}

std::unique_ptr<engine::PromptCache> open_prompt_cache(const Context& context, engine::Backend& backend) {
  if (!context.arguments.has("--prompt-cache")) {
    return nullptr;
  }
  const std::filesystem::path file = context.arguments.text("--prompt-cache");
  const engine::CacheParams params = cache_params_from(context.arguments);
  return std::filesystem::exists(file) ? backend.load_prompt_cache(file, params) : backend.make_prompt_cache(params);
}

void keep_prompt_cache(const Context& context, engine::Backend& backend, const engine::PromptCache& cache) {
  if (context.arguments.has("--prompt-cache") && cache.size() > 0) {
    backend.save_prompt_cache(cache, context.arguments.text("--prompt-cache"));
  }
}

}  // namespace burin::cli
