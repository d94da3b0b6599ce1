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

/** One token of an answer. `text` is whole UTF-8 and may be empty while a character or a stop string is incomplete. */
struct TokenEvent {
  std::string text;
  int32_t id = -1;  // -1: no token, only the text that was still held back
  float logprob = 0.0F;
  FinishReason finish_reason = FinishReason::None;
};

/** Called for every event; return false to cancel. */
using EventSink = std::function<bool(const TokenEvent&)>;

struct GenerateRequest {
  std::vector<int32_t> prompt_ids;
  SamplingParams sampling;
  int max_tokens = 256;  // -1: until the model stops or its context is full
  std::vector<std::string> stop;
  int prefill_step_size = 2048;
  const std::atomic<bool>* cancel = nullptr;  // looked at between any two tokens and prefill chunks
  std::function<void(int done, int total)> on_prefill;
};

struct GenerateResult {
  std::vector<int32_t> tokens;  // generated ids without eos
  std::string text;
  FinishReason finish_reason = FinishReason::None;
  int prompt_tokens = 0;
  double first_token_ms = 0.0;
  double prompt_tokens_per_s = 0.0;
  double predicted_tokens_per_s = 0.0;
};

}  // namespace burin::text
