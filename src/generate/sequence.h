// One sequence on one model: what its layers remember, and the tokens that this was made of.
#pragma once

#include <atomic>
#include <functional>
#include <span>
#include <vector>

#include "models/model.h"
#include "text/generation.h"

namespace burin::generate {

/** How a prompt is run. */
struct PrefillOptions {
  int step_size = 2048;
  const std::atomic<bool>* cancel = nullptr;
  std::function<void(int done, int total)> on_progress;

  bool cancelled() const { return cancel != nullptr && cancel->load(std::memory_order_relaxed); }
};

/** Stands for each token of a saved sequence that came without them. */
constexpr int32_t kUnknownToken = -1;

/** `ids` without what is unknown at their beginning. */
std::span<const int32_t> known_part(std::span<const int32_t> ids);

nn::CacheOptions cache_options(const text::CacheParams& params);

/** Threads: the thread that loaded the model. */
class Sequence {
 public:
  /** Throws: InvalidArgument for parameters that the model cannot have. */
  Sequence(const models::Model& model, const text::CacheParams& params);

  /** Runs `ids` (L) and returns the logits (1, V) that follow the last one. */
  mx::array last_logits(const mx::array& ids);
  /** Runs `ids` (L) and returns the logits (wanted, V) that follow the newest ones. */
  mx::array logits(const mx::array& ids, int wanted);
  /** Runs those of `ids` that are not in the cache yet, but for the last one. False when cancelled on the way. */
  bool prefill(std::span<const int32_t> ids, const PrefillOptions& options);

  /** Tokens run so far. */
  int size() const { return layers_.front()->offset(); }
  /** What it remembers depends on how many tokens are run at once. */
  bool depends_on_cuts() const { return options_.max_kv_size != 0; }
  /** Whether the newest `count` tokens can be taken back after `more` have been run. */
  bool is_trimmable(int count, int more) const;
  /** Takes the newest `count` tokens back; what cannot be taken back is forgotten altogether. */
  void trim(int count);
  /** Forgets what is not the beginning of `ids`; at least the last of them is left to run. Returns what stayed. */
  int keep_prefix_of(std::span<const int32_t> ids);
  void clear();

  /** `ids` are the tokens run so far, and perhaps more. */
  void set_tokens(std::span<const int32_t> ids);
  const std::vector<int32_t>& tokens() const { return tokens_; }
  bool knows_its_tokens() const { return tokens_.empty() || tokens_.front() != kUnknownToken; }

  const nn::CacheList& layers() const { return layers_; }
  /** Replaces what was remembered; without `tokens` they are unknown. Throws: Corrupt when the layers do not hold
   * equally many tokens. */
  void restore(nn::CacheList layers, std::vector<int32_t> tokens);
  const models::Model& model() const { return model_; }

 private:
  void after_call();

  const models::Model& model_;
  nn::CacheOptions options_;
  nn::CacheList layers_;
  std::vector<int32_t> tokens_;
};

/** Shapes: (count) int32. */
mx::array to_array(std::span<const int32_t> ids);

}  // namespace burin::generate
