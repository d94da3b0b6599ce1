#include "generate/stream.h"

#include <fmt/core.h>

#include <chrono>
#include <limits>
#include <set>
#include <utility>

#include "base/error.h"
#include "generate/constrained_step.h"
#include "generate/prompt_cache.h"
#include "generate/speculative_step.h"
#include "generate/stop_strings.h"
#include "ops/runtime.h"
#include "text/streaming_detokenizer.h"

namespace burin::generate {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kMaxDraftTokens = 64;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

[[noreturn]] void refuse(std::string_view param, const std::string& message) {
  throw Error(ErrorCode::InvalidArgument, "generate", message).fact("param", std::string(param));
}

std::set<int32_t> eos_tokens(const models::Model& model, const text::Tokenizer* tokenizer) {
  std::set<int32_t> ids = model.facts().eos_token_ids;
  if (tokenizer != nullptr) {
    if (const auto id = tokenizer->eos_token_id()) {
      ids.insert(*id);
    }
  }
  return ids;
}

/** As mlx-lm's command line and server: the tokens of a line break and every eos. */
std::vector<int32_t> xtc_special_tokens(const text::Tokenizer* tokenizer, const std::set<int32_t>& eos, int vocab) {
  std::vector<int32_t> ids;
  if (tokenizer != nullptr) {
    ids = tokenizer->encode("\n", true);
  }
  ids.insert(ids.end(), eos.begin(), eos.end());
  std::erase_if(ids, [vocab](int32_t id) { return id < 0 || id >= vocab; });
  return ids;
}

/** How many tokens may be generated after a prompt of `prompt_tokens` before the finish reason is `Length`. */
int token_limit(const text::GenerateRequest& request, int64_t prompt_tokens, const models::ModelFacts& facts) {
  if (request.max_tokens == 0 || request.max_tokens < -1) {
    refuse("max_tokens", fmt::format("max_tokens must be positive, or -1 for no limit, but is {}", request.max_tokens));
  }
  if (request.prefill_step_size < 1) {
    refuse("prefill_step_size",
           fmt::format("prefill_step_size must be positive, but is {}", request.prefill_step_size));
  }
  int limit = request.max_tokens == -1 ? std::numeric_limits<int>::max() : request.max_tokens;
  if (facts.context_size > 0) {
    if (prompt_tokens >= facts.context_size) {
      refuse("prompt", fmt::format("the prompt has {} tokens, but the model's context holds {}", prompt_tokens,
                                   facts.context_size));
    }
    limit = std::min(limit, facts.context_size - static_cast<int>(prompt_tokens));
  }
  return limit;
}

/** Whole UTF-8 text of a growing answer, without stop strings. */
class TextOut {
 public:
  TextOut(const text::Tokenizer* tokenizer, const std::vector<std::string>& stop) : stops_(stop) {
    if (tokenizer != nullptr) {
      detokenizer_.emplace(*tokenizer);
      vocab_size_ = tokenizer->vocab_size();
    }
  }
  /** An id above the tokenizer's vocabulary (padded embeddings have rows without a token) gives no text. */
  std::string add(int32_t id) {
    return detokenizer_ && id < vocab_size_ ? stops_.feed(detokenizer_->add(id)) : std::string();
  }
  std::string finish() {
    if (!detokenizer_ || stops_.stopped()) {
      return {};
    }
    std::string text = stops_.feed(detokenizer_->finish());
    return stops_.stopped() ? text : text + stops_.flush();
  }
  bool stopped() const { return stops_.stopped(); }

 private:
  std::optional<text::StreamingDetokenizer> detokenizer_;
  int32_t vocab_size_ = 0;
  StopStrings stops_;
};

/** The whole sequence that the request wants continued: a cache that does not know its tokens stands in front. */
std::vector<int32_t> prompt_after(const Sequence& sequence, const std::vector<int32_t>& prompt_ids) {
  std::vector<int32_t> ids;
  if (!sequence.knows_its_tokens()) {
    ids = sequence.tokens();
  }
  ids.insert(ids.end(), prompt_ids.begin(), prompt_ids.end());
  return ids;
}

TokenChooser make_chooser(const Generator& generator, const text::GenerateRequest& request,
                          const std::set<int32_t>& eos, Constraint* constraint) {
  const int vocab_size = generator.model.facts().vocab_size;
  return TokenChooser(
      {.sampler = make_sampler(request.sampling, xtc_special_tokens(generator.tokenizer, eos, vocab_size), vocab_size),
       .processors = make_logits_processors(request.sampling, vocab_size),
       .context_needed = context_needed(request.sampling),
       .constraint = constraint});
}

std::unique_ptr<Drafter> make_drafter(const Generator& generator, const text::GenerateRequest& request,
                                      PromptCache& cache) {
  if (request.speculation.method == text::DraftMethod::PromptLookup) {
    return make_prompt_lookup_drafter();
  }
  if (generator.draft == nullptr) {
    refuse("draft_model", "no draft model was loaded");
  }
  return make_model_drafter(cache.draft(*generator.draft),
                            {.step_size = request.prefill_step_size, .cancel = request.cancel});
}

std::unique_ptr<TokenSource> make_source(const Generator& generator, const text::GenerateRequest& request,
                                         PromptCache& cache, TokenChooser chooser) {
  const text::Speculation& speculation = request.speculation;
  if (speculation.method == text::DraftMethod::None && chooser.is_constrained()) {
    return std::make_unique<ConstrainedStep>(cache.target, std::move(chooser));
  }
  if (speculation.method == text::DraftMethod::None) {
    return std::make_unique<GenerateStep>(cache.target, std::move(chooser));
  }
  if (speculation.num_draft_tokens < 1 || speculation.num_draft_tokens > kMaxDraftTokens) {
    refuse("num_draft_tokens",
           fmt::format("num_draft_tokens must be 1 to {}, but is {}", kMaxDraftTokens, speculation.num_draft_tokens));
  }
  return std::make_unique<SpeculativeStep>(cache.target, std::move(chooser), make_drafter(generator, request, cache),
                                           speculation.num_draft_tokens);
}

/** One answer in the making. */
class Answer {
 public:
  Answer(const Generator& generator, const text::GenerateRequest& request, PromptCache& cache, const EventSink& sink)
      : request_(request),
        sink_(sink),
        cache_(cache),
        prompt_(prompt_after(cache.target, request.prompt_ids)),
        limit_(token_limit(request, static_cast<int64_t>(prompt_.size()), generator.model.facts())),
        eos_(eos_tokens(generator.model, generator.tokenizer)),
        text_(generator.tokenizer, request.stop),
        constraint_(make_constraint(request, generator.tokenizer, eos_, generator.model.facts().vocab_size)),
        steps_(make_source(generator, request, cache,
                           make_chooser(generator, request, eos_, constraint_ ? &*constraint_ : nullptr))) {}

  text::GenerateResult run() {
    answer();
    steps_->finish();
    result_.draft_tokens = steps_->draft_tokens();
    result_.accepted_tokens = steps_->accepted_tokens();
    return std::move(result_);
  }

 private:
  void answer() {
    const Clock::time_point start = Clock::now();
    result_.prompt_tokens = static_cast<int>(prompt_.size());
    result_.cached_tokens = cache_.target.keep_prefix_of(prompt_);
    if (!steps_->prefill(
            prompt_,
            {.step_size = request_.prefill_step_size, .cancel = request_.cancel, .on_progress = request_.on_prefill})) {
      end(FinishReason::Cancelled);
      return;
    }
    Step step = next();
    const double first_s = seconds_since(start);
    result_.first_token_ms = first_s * 1e3;
    result_.prompt_tokens_per_s = (result_.prompt_tokens - result_.cached_tokens) / first_s;
    if (request_.on_prefill) {
      request_.on_prefill(result_.prompt_tokens, result_.prompt_tokens);
    }
    const Clock::time_point first = Clock::now();
    int more = 0;
    for (; take(step); ++more) {
      step = next();
    }
    result_.predicted_tokens_per_s = more == 0 ? 0.0 : more / seconds_since(first);
  }

  Step next() { return steps_->next(limit_ - static_cast<int>(result_.tokens.size())); }

  /** Handles one token; true when another one is wanted. */
  bool take(const Step& step) {
    if (!request_.ignore_eos && eos_.contains(step.id)) {
      end(complete());
      return false;
    }
    result_.tokens.push_back(step.id);
    TokenEvent event{.text = text_.add(step.id), .id = step.id, .logprob = step.logprob};
    if (text_.stopped()) {
      event.finish_reason = FinishReason::Stop;
    } else if (step.completes) {
      event.text += text_.finish();
      event.finish_reason = complete();
    } else if (static_cast<int>(result_.tokens.size()) >= limit_) {
      event.text += text_.finish();
      event.finish_reason = text_.stopped() ? FinishReason::Stop : FinishReason::Length;
    }
    if (!emit(event) || event.finish_reason != FinishReason::None) {
      return false;
    }
    if (request_.cancel != nullptr && request_.cancel->load(std::memory_order_relaxed)) {
      end(FinishReason::Cancelled);
      return false;
    }
    return true;
  }

  /** Why a text ends that is complete; one that was closed because its tokens ran out did not come to its own end. */
  FinishReason complete() const {
    return constraint_ && constraint_->was_closed() ? FinishReason::Length : FinishReason::Stop;
  }

  /** The last event when it comes with no token of its own. */
  void end(FinishReason reason) { emit({.text = text_.finish(), .finish_reason = reason}); }

  bool emit(const TokenEvent& event) {
    result_.text += event.text;
    result_.finish_reason = event.finish_reason;
    const bool wanted = !sink_ || sink_(event);
    if (!wanted && event.finish_reason == FinishReason::None) {
      result_.finish_reason = FinishReason::Cancelled;
    }
    return wanted;
  }

  const text::GenerateRequest& request_;
  const EventSink& sink_;
  PromptCache& cache_;
  std::vector<int32_t> prompt_;
  int limit_;
  std::set<int32_t> eos_;
  TextOut text_;
  std::optional<Constraint> constraint_;
  std::unique_ptr<TokenSource> steps_;
  text::GenerateResult result_;
  ops::QueueGuard queued_;  // the step that was queued ahead
};

}  // namespace

text::GenerateResult generate(const Generator& generator, const text::GenerateRequest& request,
                              const EventSink& on_event) {
  check_ids(request.prompt_ids, generator.model.facts().vocab_size);
  if (generator.tokenizer == nullptr && !request.stop.empty()) {
    refuse("stop", "stop strings need the tokenizer, which was not loaded");
  }
  std::optional<PromptCache> own;
  auto* cache = dynamic_cast<PromptCache*>(request.cache);
  if (request.cache == nullptr) {
    cache = &own.emplace(generator.model, request.cache_params);
  } else if (cache == nullptr || &cache->target.model() != &generator.model) {
    refuse("cache", "the prompt cache belongs to another model");
  }
  Answer answer(generator, request, *cache, on_event);
  try {
    return answer.run();
  } catch (...) {
    cache->clear();  // what a failed call left in it is unknown
    throw;
  }
}

}  // namespace burin::generate
