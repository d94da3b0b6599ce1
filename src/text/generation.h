// What is asked of a running model and what comes back, in one set of types for both trunks: the engine's contract and
// the token loop. Names, defaults and order of application of the sampling parameters are mlx-lm's.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace burin::text {

/** Ranges are in the parameter tables of the samplers and logits processors. Source: mlx-lm 0.32.2 sample_utils.py. */
struct SamplingParams {
  double temperature = 0.0;
  double top_p = 1.0;
  double min_p = 0.0;
  int min_tokens_to_keep = 1;
  int top_k = 0;
  double xtc_probability = 0.0;
  double xtc_threshold = 0.1;
  double repetition_penalty = 0.0;  // 0: off
  int repetition_context_size = 20;
  double presence_penalty = 0.0;
  int presence_context_size = 20;
  double frequency_penalty = 0.0;
  int frequency_context_size = 20;
  std::map<int32_t, float> logit_bias;
  std::optional<uint64_t> seed;  // none: from the clock
};

enum class FinishReason { None, Stop, Length, Cancelled };

/** "stop", "length", "cancelled" or "" as clients spell it. */
std::string_view to_string(FinishReason reason);

/** What an answer must match. `text` is the schema, pattern or Lark grammar; `Json` (any object) has none. */
struct GrammarSource {
  enum class Kind { JsonSchema, Json, Regex, Lark };
  Kind kind = Kind::Json;
  std::string text;
};

/** One token of an answer. `text` is whole UTF-8 and may be empty while a character or a stop string is incomplete. */
struct TokenEvent {
  std::string text;
  int32_t id = -1;  // -1: no token, only the text that was still held back
  float logprob = 0.0F;
  FinishReason finish_reason = FinishReason::None;
};

/** Called for every event; return false to cancel. */
using EventSink = std::function<bool(const TokenEvent&)>;

/** What a sequence may remember. Defaults are mlx-lm's. */
struct CacheParams {
  int max_kv_size = 0;  // 0: everything; else the first 4 tokens and the newest, in layers of full attention
  int kv_bits = 0;      // 0: as computed; else keys and values are quantized, but for those of a sliding window
  int kv_group_size = 64;
  int quantized_kv_start = 5000;  // tokens from which on they are
};

/** A sequence that a model remembers. Its backend makes it; it is of no use once the model is unloaded. */
class PromptCache {
 public:
  virtual ~PromptCache() = default;
  /** Tokens in it. */
  virtual int size() const = 0;
  /** False for a file of mlx-lm's, which does not say of which tokens it was made. */
  virtual bool knows_its_tokens() const = 0;
  virtual uint64_t nbytes() const = 0;
};

/** Who guesses the tokens that the model then checks several at a time; the answer stays the same. */
enum class DraftMethod { None, Model, PromptLookup };

struct Speculation {
  DraftMethod method = DraftMethod::None;
  int num_draft_tokens = 3;  // at most; fewer while guesses are wrong
};

struct GenerateRequest {
  std::vector<int32_t> prompt_ids;
  SamplingParams sampling;
  int max_tokens = 256;  // -1: until the model stops or its context is full
  std::vector<std::string> stop;
  bool ignore_eos = false;
  std::optional<GrammarSource> grammar;
  int prefill_step_size = 2048;
  CacheParams cache_params;  // where there is no `cache`
  /** What it has in common with the prompt is not computed again; it then holds this sequence. A cache that does not
   * know its tokens is continued by the prompt. */
  PromptCache* cache = nullptr;
  Speculation speculation;
  const std::atomic<bool>* cancel = nullptr;  // looked at between any two tokens and prefill chunks
  std::function<void(int done, int total)> on_prefill;
};

struct GenerateResult {
  std::vector<int32_t> tokens;  // generated ids without eos
  std::string text;
  FinishReason finish_reason = FinishReason::None;
  int prompt_tokens = 0;
  int cached_tokens = 0;    // of the prompt, not computed again
  int draft_tokens = 0;     // guessed
  int accepted_tokens = 0;  // and found right
  double first_token_ms = 0.0;
  double prompt_tokens_per_s = 0.0;
  double predicted_tokens_per_s = 0.0;
};

}  // namespace burin::text
