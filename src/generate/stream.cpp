#include "generate/stream.h"

#include <fmt/core.h>

#include <chrono>
#include <limits>
#include <set>
#include <utility>

#include "base/error.h"
#include "generate/generate_step.h"
#include "generate/stop_strings.h"
#include "text/streaming_detokenizer.h"

namespace burin::generate {
namespace {

using Clock = std::chrono::steady_clock;

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

/** How many tokens may be generated before the finish reason is `Length`. */
int token_limit(const text::GenerateRequest& request, const models::ModelFacts& facts) {
  if (request.max_tokens == 0 || request.max_tokens < -1) {
    refuse("max_tokens", fmt::format("max_tokens must be positive, or -1 for no limit, but is {}", request.max_tokens));
  }
  if (request.prefill_step_size < 1) {
    refuse("prefill_step_size",
           fmt::format("prefill_step_size must be positive, but is {}", request.prefill_step_size));
  }
  int limit = request.max_tokens == -1 ? std::numeric_limits<int>::max() : request.max_tokens;
  if (facts.context_size > 0) {
    const auto prompt_tokens = static_cast<int64_t>(request.prompt_ids.size());
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

/** One answer in the making. */
class Answer {
 public:
  Answer(const models::Model& model, const text::Tokenizer* tokenizer, const text::GenerateRequest& request,
         const EventSink& sink)
      : request_(request),
        sink_(sink),
        limit_(token_limit(request, model.facts())),
        eos_(eos_tokens(model, tokenizer)),
        text_(tokenizer, request.stop),
        steps_(model,
               make_sampler(request.sampling, xtc_special_tokens(tokenizer, eos_, model.facts().vocab_size),
                            model.facts().vocab_size),
               make_logits_processors(request.sampling, model.facts().vocab_size),
               {.prefill_step_size = request.prefill_step_size,
                .context_needed = context_needed(request.sampling),
                .cancel = request.cancel,
                .on_prefill = request.on_prefill}) {}

  text::GenerateResult run() {
    const Clock::time_point start = Clock::now();
    result_.prompt_tokens = static_cast<int>(request_.prompt_ids.size());
    if (!steps_.prefill(request_.prompt_ids)) {
      end(FinishReason::Cancelled);
      return std::move(result_);
    }
    Step step = next();
    const double first_s = seconds_since(start);
    result_.first_token_ms = first_s * 1e3;
    result_.prompt_tokens_per_s = result_.prompt_tokens / first_s;
    const Clock::time_point first = Clock::now();
    int more = 0;
    for (; take(step); ++more) {
      step = next();
    }
    result_.predicted_tokens_per_s = more == 0 ? 0.0 : more / seconds_since(first);
    return std::move(result_);
  }

 private:
  /** No step is queued beyond the last token that the limit allows. */
  Step next() { return steps_.next(static_cast<int>(result_.tokens.size()) + 1 < limit_); }

  /** Handles one token; true when another one is wanted. */
  bool take(const Step& step) {
    if (eos_.contains(step.id)) {
      end(FinishReason::Stop);
      return false;
    }
    result_.tokens.push_back(step.id);
    TokenEvent event{.text = text_.add(step.id), .id = step.id, .logprob = step.logprob};
    if (text_.stopped()) {
      event.finish_reason = FinishReason::Stop;
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
  int limit_;
  std::set<int32_t> eos_;
  TextOut text_;
  GenerateStep steps_;
  text::GenerateResult result_;
};

}  // namespace

text::GenerateResult generate(const models::Model& model, const text::Tokenizer* tokenizer,
                              const text::GenerateRequest& request, const EventSink& on_event) {
  check_ids(request.prompt_ids, model.facts().vocab_size);
  if (tokenizer == nullptr && !request.stop.empty()) {
    refuse("stop", "stop strings need the tokenizer, which was not loaded");
  }
  return Answer(model, tokenizer, request, on_event).run();
}

}  // namespace burin::generate
