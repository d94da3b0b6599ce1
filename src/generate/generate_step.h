// The loop below the text: prefill in chunks, then one token at a time, as mlx-lm's generate_step does it.
// Source: mlx-lm 0.32.2 generate.py.
#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "generate/logits_processors.h"
#include "generate/sampler.h"
#include "models/model.h"

namespace burin::generate {

struct Step {
  int32_t id = -1;
  float logprob = 0.0F;  // of the processed logits, before any filter and temperature
};

/** Throws: InvalidArgument when a list of ids is empty or an id lies outside the vocabulary. */
void check_ids(std::span<const int32_t> ids, int vocab_size);

/**
 * One sequence on one model. Processors see the prompt and every generated token.
 * Threads: the thread that loaded the model.
 */
class GenerateStep {
 public:
  struct Options {
    int prefill_step_size = 2048;
    int context_needed = 0;  // newest tokens that the processors look at; 0: all
    const std::atomic<bool>* cancel = nullptr;
    std::function<void(int done, int total)> on_prefill;
  };

  GenerateStep(const models::Model& model, Sampler sampler, std::vector<LogitsProcessor> processors, Options options);

  /** Runs the prompt up to its last token, which is left for the first `next()`. False when cancelled on the way. */
  bool prefill(std::span<const int32_t> prompt_ids);
  /**
   * The next token; appends the one before it to the cache. With `look_ahead` the step after it is queued before this
   * one is read, so that its graph is built while this one still runs: wasted only when the caller stops here.
   * Throws: Corrupt when the logits are NaN.
   */
  Step next(bool look_ahead);

 private:
  struct Pending {
    mx::array id;       // (1) int32
    mx::array logprob;  // (1, 1) float32
  };

  bool cancelled() const;
  Pending start(const mx::array& input);
  void remember(const mx::array& ids);
  mx::array processed(mx::array logits);

  const models::Model& model_;
  Sampler sampler_;
  std::vector<LogitsProcessor> processors_;
  Options options_;
  nn::CacheList cache_;
  std::optional<mx::array> input_;    // the token that the next step runs
  std::optional<Pending> ahead_;      // the next step, when it was queued already
  std::optional<mx::array> context_;  // tokens the processors see; kept only when there are any
  int prompt_tokens_ = 0;
  int steps_ = 0;
};

}  // namespace burin::generate
