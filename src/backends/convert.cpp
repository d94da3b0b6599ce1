#include "backends/convert.h"

#include <utility>

namespace burin::backends {
namespace {

generate::SamplingParams to_generate(const engine::SamplingParams& p) {
  return {
      .temperature = p.temperature,
      .top_p = p.top_p,
      .min_p = p.min_p,
      .min_tokens_to_keep = p.min_tokens_to_keep,
      .top_k = p.top_k,
      .xtc_probability = p.xtc_probability,
      .xtc_threshold = p.xtc_threshold,
      .repetition_penalty = p.repetition_penalty,
      .repetition_context_size = p.repetition_context_size,
      .presence_penalty = p.presence_penalty,
      .presence_context_size = p.presence_context_size,
      .frequency_penalty = p.frequency_penalty,
      .frequency_context_size = p.frequency_context_size,
      .logit_bias = p.logit_bias,
      .seed = p.seed,
  };
}

engine::FinishReason to_engine(generate::FinishReason reason) {
  switch (reason) {
    case generate::FinishReason::Stop:
      return engine::FinishReason::Stop;
    case generate::FinishReason::Length:
      return engine::FinishReason::Length;
    case generate::FinishReason::Cancelled:
      return engine::FinishReason::Cancelled;
    case generate::FinishReason::None:
      break;
  }
  return engine::FinishReason::None;
}

}  // namespace

generate::Request to_generate(const engine::GenerateRequest& request) {
  return {
      .prompt_ids = request.prompt_ids,
      .sampling = to_generate(request.sampling),
      .max_tokens = request.max_tokens,
      .stop = request.stop,
      .prefill_step_size = request.prefill_step_size,
      .cancel = request.cancel,
      .on_prefill = request.on_prefill,
  };
}

engine::GenerateResult to_engine(generate::Result result) {
  return {
      .tokens = std::move(result.tokens),
      .text = std::move(result.text),
      .finish_reason = to_engine(result.finish_reason),
      .prompt_tokens = result.prompt_tokens,
      .first_token_ms = result.first_token_ms,
      .prompt_tokens_per_s = result.prompt_tokens_per_s,
      .predicted_tokens_per_s = result.predicted_tokens_per_s,
  };
}

engine::TokenEvent to_engine(const generate::TokenEvent& event) {
  return {
      .text = event.text, .id = event.id, .logprob = event.logprob, .finish_reason = to_engine(event.finish_reason)};
}

}  // namespace burin::backends
