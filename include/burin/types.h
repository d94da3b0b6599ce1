/// @file
/// What goes into an Engine and comes out of it: plain values, of the standard library's types only.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "burin/burin.h"
#include "burin/error.h"

/** The C++ interface of burin. */
namespace burin {

/** A span of time as a number of seconds. */
using Seconds = std::chrono::duration<double>;

/** Where models and backend modules lie. An empty path means nowhere; for `backend_dir`, beside the library. */
struct Environment {
  std::filesystem::path home{};         ///< what `~` stands for
  std::filesystem::path model_home{};   ///< burin's own models: BURIN_MODELS
  std::filesystem::path hub_cache{};    ///< the Hugging Face cache: HF_HUB_CACHE, HF_HOME/hub or the default place
  std::filesystem::path backend_dir{};  ///< the folder of libburin_mlx.so

  /** The folders that the variables of this process name; nothing else in burin looks at them. */
  static Environment from_process();
};

/** How an engine is made. */
struct EngineOptions {
  Environment environment = Environment::from_process();  ///< where models are looked for
  std::string backend = "mlx";                            ///< the module libburin_<backend>.so
  int max_waiting = 8;  ///< requests that may wait beside the one that runs; one more is Busy
};

/** Inputs of quantized matmuls rounded to int8, outliers to int16 (Fast, CPU), or every product in float32 (Exact). */
enum class Precision { Fast = BURIN_PRECISION_FAST, Exact = BURIN_PRECISION_EXACT };

/** A model and how to load it. */
struct ModelConfiguration {
  std::string hub_id{};                   ///< a name, part of a name, NAME\@REVISION, or a path as the program takes it
  std::string name{};                     ///< for people; empty: the resolved name, once it is loaded
  std::string description{};              ///< for people; burin does not read it
  int max_tokens = 256;                   ///< limit of answers whose GenerateParams say none; -1: no limit
  double estimated_size_gb = 0.0;         ///< for people; 0: the size of the weights, once it is loaded
  Precision precision = Precision::Fast;  ///< of the arithmetic
  int threads = 0;                        ///< 0: as many as the process may use
  std::string draft_hub_id{};             ///< a smaller model of the same vocabulary, for Draft::Model; empty: none
  std::filesystem::path pack_folder{};    ///< where packed weights are kept, for later loads of milliseconds
  bool keep_sequence = true;              ///< a request that begins as the one before it computes only what is new
  int max_kv_size = 0;            ///< tokens that layers of full attention remember, the first 4 among them; 0: all
  int kv_bits = 0;                ///< 2 to 6 or 8: keys and values are quantized; 0: they are not
  int kv_group_size = 64;         ///< dimensions of a head that share a scale then
  int quantized_kv_start = 5000;  ///< tokens from which on they are quantized
  bool with_tokenizer = true;     ///< false: for token ids alone: no text goes in or comes out
};

/** What an answer is held to. What cannot be enforced is refused before anything is generated. */
struct Format {
  /** The language of `text`. */
  enum class Kind {
    JsonSchema = BURIN_FORMAT_JSON_SCHEMA,  ///< JSON of a schema
    Json = BURIN_FORMAT_JSON,               ///< any JSON object; without a text
    Regex = BURIN_FORMAT_REGEX,             ///< text that a regular expression matches as a whole
    Lark = BURIN_FORMAT_LARK,               ///< text of a Lark grammar
  };
  Kind kind = Kind::Json;  ///< what `text` is
  std::string text{};      ///< the schema, expression or grammar
};

/** Who guesses tokens that the model then checks together. The answer is the same. */
enum class Draft {
  None = BURIN_DRAFT_NONE,                   ///< nobody
  Model = BURIN_DRAFT_MODEL,                 ///< the configuration's draft model
  PromptLookup = BURIN_DRAFT_PROMPT_LOOKUP,  ///< what followed the newest tokens before: for text that repeats itself
};

/** How an answer is drawn. Names, defaults and order of application are mlx-lm's. */
struct GenerateParams {
  std::optional<int> max_tokens{};   ///< none: the configuration's; -1: until the model stops or its context is full
  double temperature = 0.0;          ///< 0: the likeliest token each time
  double top_p = 1.0;                ///< draw from the likeliest tokens that together have this probability
  int top_k = 0;                     ///< draw from this many; 0: all
  double min_p = 0.0;                ///< drop tokens less likely than this part of the likeliest
  int min_tokens_to_keep = 1;        ///< min_p and xtc leave at least these
  double xtc_probability = 0.0;      ///< chance that the top choices of a step are left out
  double xtc_threshold = 0.1;        ///< probability from which a token is a top choice
  double repetition_penalty = 0.0;   ///< 0: off
  int repetition_context_size = 20;  ///< how many tokens back it looks
  double presence_penalty = 0.0;     ///< subtracted once
  int presence_context_size = 20;    ///< how many tokens back it looks
  double frequency_penalty = 0.0;    ///< subtracted for each occurrence
  int frequency_context_size = 20;   ///< how many tokens back it looks
  std::map<int32_t, float> logit_bias{};  ///< added to the logits of these tokens
  std::optional<uint64_t> seed{};         ///< the same draws each time; none: the clock decides
  std::vector<std::string> stop{};        ///< the answer ends before any of these texts
  int prefill_step_size = 2048;           ///< tokens of the prompt computed at a time
  std::optional<Format> format{};         ///< what the answer is held to; none: any text
  Draft draft = Draft::None;              ///< who guesses ahead
  int num_draft_tokens = 3;               ///< how many tokens are guessed at most: 1 to 64
  bool ignore_eos = false;                ///< a token that ends answers does not end this one
};

/** One turn of a conversation. */
struct ChatMessage {
  std::string role{};     ///< "system", "user", "assistant", or what the template knows
  std::string content{};  ///< what was said
};

/** A conversation for the model's own chat template. */
struct Chat {
  std::vector<ChatMessage> messages{};  ///< the turns so far
  std::string messages_json{};          ///< instead of `messages`: a JSON array with whatever keys the template knows
  std::string tools_json{};             ///< a JSON array of tools for the template; empty: none
  std::string template_kwargs_json{};   ///< a JSON object of variables for the template; empty: none
};

/** Token ids. */
using TokenIds = std::vector<int32_t>;

/** Text to continue (special tokens are added), token ids to continue as they are, or a conversation to answer. */
using Prompt = std::variant<std::string, TokenIds, Chat>;

/** Why an answer ended. */
enum class FinishReason {
  None = BURIN_FINISH_NONE,            ///< it goes on
  Stop = BURIN_FINISH_STOP,            ///< the model ended it, or a stop text
  Length = BURIN_FINISH_LENGTH,        ///< max_tokens or the context; JSON by a schema is complete if that was possible
  Cancelled = BURIN_FINISH_CANCELLED,  ///< somebody did not want more; what came before is kept
};

/** One token of an answer. */
struct Token {
  std::string text{};                               ///< whole characters, may be empty
  int32_t id = -1;                                  ///< -1: no token, only text that was held back
  float logprob = 0.0F;                             ///< natural logarithm of its probability
  FinishReason finish_reason = FinishReason::None;  ///< of the last one: why it is the last
};

/** A whole answer. */
struct GenerateResult {
  std::string text{};                               ///< all of the text
  TokenIds tokens{};                                ///< the generated tokens without the one that ended it
  FinishReason finish_reason = FinishReason::None;  ///< why it ended
  int prompt_tokens = 0;                            ///< length of the prompt
  Seconds first_token_time{0};                      ///< from its turn to the first token
  double prompt_tokens_per_second = 0.0;            ///< speed of reading the prompt
  double tokens_per_second = 0.0;                   ///< speed of the tokens after the first one
  int cached_tokens = 0;                            ///< of the prompt, not computed again
  int draft_tokens = 0;                             ///< tokens that were guessed
  int accepted_tokens = 0;                          ///< and found right
};

/** Called with a fraction from 0 to 1 on the thread that loads; false cancels. */
using ProgressCallback = std::function<bool(double fraction)>;

/** Called for each token on the thread that generates; false cancels. */
using TokenCallback = std::function<bool(const Token& token)>;

/** When to try again. */
struct RetryConfiguration {
  int max_retries = 3;              ///< attempts after the first one, up to 100
  Seconds base_delay{0.1};          ///< before the first retry
  double backoff_multiplier = 2.0;  ///< each later delay is this much longer
  Seconds max_delay{5.0};           ///< but never longer than this
  double jitter = 0.25;             ///< the delay is drawn from this part above and below
};

/** What the loaded model is. */
struct ModelFacts {
  std::string name{};               ///< as it was resolved
  std::string model_type{};         ///< of its config.json: "llama", "qwen3"
  std::string device{};             ///< "cpu"
  int context_size = 0;             ///< tokens; 0: no limit
  int vocab_size = 0;               ///< rows of the logits
  int thread_count = 0;             ///< CPU threads in use
  uint64_t weight_bytes = 0;        ///< memory of the weights
  uint64_t kv_bytes_per_token = 0;  ///< memory of keys and values for each token
};

/** Figures of the last generation, then of all since the engine was made. */
struct InferenceMetrics {
  Seconds model_load_time{0};             ///< of the last load
  Seconds last_generation_time{0};        ///< from its turn to its end
  Seconds first_token_time{0};            ///< from its turn to the first token
  double prompt_tokens_per_second = 0.0;  ///< speed of reading the prompt
  double tokens_per_second = 0.0;         ///< speed of the tokens after the first one
  uint64_t prompt_tokens = 0;             ///< of the last generation
  uint64_t tokens_generated = 0;          ///< by the last generation
  uint64_t kv_bytes = 0;                  ///< what its keys and values took
  uint64_t weight_bytes = 0;              ///< of the loaded model
  uint64_t resident_bytes = 0;            ///< of the process, now; 0: not known on this system
  uint64_t peak_resident_bytes = 0;       ///< of the process, at most
  uint64_t total_prompt_tokens = 0;       ///< of all generations
  uint64_t total_tokens_generated = 0;    ///< by all generations
  uint64_t completed = 0;                 ///< generations that ended by themselves
  uint64_t cancelled = 0;                 ///< generations that were cancelled
  uint64_t failed = 0;                    ///< generations that failed
  uint64_t retries = 0;                   ///< generations started anew
  uint64_t recoveries = 0;                ///< recoveries tried
};

/** How an engine is. */
enum class EngineHealth {
  Healthy = BURIN_HEALTHY,        ///< nothing failed in the last minute
  Degraded = BURIN_DEGRADED,      ///< the engine failed a request in the last minute
  Unhealthy = BURIN_UNHEALTHY,    ///< retries are spent, or a recovery failed: recover, or load anew
  Recovering = BURIN_RECOVERING,  ///< loading again, or recovered but not yet proved by three good requests
};

/** How an engine is, since when, and why. A caller's mistake or a cancel does not count against it. */
struct HealthReport {
  EngineHealth state = EngineHealth::Healthy;  ///< the verdict
  Seconds since{0};                            ///< how long it has held
  std::string reason{};                        ///< one sentence; empty while healthy
  int recent_errors = 0;                       ///< engine errors in the last minute
  std::optional<ErrorCode> last_error{};       ///< the newest since the last load
};

/** One model on this machine. */
struct ModelEntry {
  std::string name{};            ///< what to load it by
  std::filesystem::path path{};  ///< its folder
  std::string hash{};            ///< the commit of a cached repository, else empty
  bool is_cached = false;        ///< in the Hugging Face cache
};

}  // namespace burin
