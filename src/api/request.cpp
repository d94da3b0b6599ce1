#include "api/request.h"

#include <cmath>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "api/border.h"

namespace burin::api {
namespace {

using std::chrono::milliseconds;
using GrammarKind = text::GrammarSource::Kind;

static_assert(BURIN_FORMAT_JSON_SCHEMA + static_cast<int>(GrammarKind::Json) == BURIN_FORMAT_JSON);
static_assert(BURIN_FORMAT_JSON_SCHEMA + static_cast<int>(GrammarKind::Regex) == BURIN_FORMAT_REGEX);
static_assert(BURIN_FORMAT_JSON_SCHEMA + static_cast<int>(GrammarKind::Lark) == BURIN_FORMAT_LARK);
static_assert(BURIN_DRAFT_MODEL == static_cast<int>(engine::DraftMethod::Model));
static_assert(BURIN_DRAFT_PROMPT_LOOKUP == static_cast<int>(engine::DraftMethod::PromptLookup));

burin_generate_params default_params() {
  const engine::GenerateRequest request;
  const engine::SamplingParams& sampling = request.sampling;
  return {.size = sizeof(burin_generate_params),
          .max_tokens = request.max_tokens,
          .top_k = sampling.top_k,
          .min_tokens_to_keep = sampling.min_tokens_to_keep,
          .repetition_context_size = sampling.repetition_context_size,
          .presence_context_size = sampling.presence_context_size,
          .frequency_context_size = sampling.frequency_context_size,
          .prefill_step_size = request.prefill_step_size,
          .has_seed = 0,
          .seed = 0,
          .temperature = sampling.temperature,
          .top_p = sampling.top_p,
          .min_p = sampling.min_p,
          .xtc_probability = sampling.xtc_probability,
          .xtc_threshold = sampling.xtc_threshold,
          .repetition_penalty = sampling.repetition_penalty,
          .presence_penalty = sampling.presence_penalty,
          .frequency_penalty = sampling.frequency_penalty,
          .stop = nullptr,
          .stop_count = 0,
          .logit_bias_ids = nullptr,
          .logit_bias_values = nullptr,
          .logit_bias_count = 0,
          .format_text = nullptr,
          .format = BURIN_FORMAT_NONE,
          .draft = BURIN_DRAFT_NONE,
          .num_draft_tokens = request.speculation.num_draft_tokens,
          .ignore_eos = request.ignore_eos ? 1 : 0};
}

burin_retry default_retry() {
  const engine::RetryPolicy policy;
  return {.size = sizeof(burin_retry),
          .max_retries = policy.max_retries,
          .base_delay_s = std::chrono::duration<double>(policy.base_delay).count(),
          .backoff_multiplier = policy.backoff_multiplier,
          .max_delay_s = std::chrono::duration<double>(policy.max_delay).count(),
          .jitter = policy.jitter};
}

milliseconds delay_of(double seconds, const char* param) {
  if (!(seconds >= 0.0 && seconds <= 3600.0)) {
    throw invalid(param, fmt::format("{} must be from 0 to 3600 s", param));
  }
  return milliseconds(std::llround(seconds * 1e3));
}

std::map<int32_t, float> bias_of(const burin_generate_params& params) {
  std::map<int32_t, float> bias;
  for (size_t i = 0; i < params.logit_bias_count; ++i) {
    bias[(&required(params.logit_bias_ids, "logit_bias_ids"))[i]] =
        (&required(params.logit_bias_values, "logit_bias_values"))[i];
  }
  return bias;
}

engine::SamplingParams sampling_of(const burin_generate_params& params) {
  return {.temperature = params.temperature,
          .top_p = params.top_p,
          .min_p = params.min_p,
          .min_tokens_to_keep = params.min_tokens_to_keep,
          .top_k = params.top_k,
          .xtc_probability = params.xtc_probability,
          .xtc_threshold = params.xtc_threshold,
          .repetition_penalty = params.repetition_penalty,
          .repetition_context_size = params.repetition_context_size,
          .presence_penalty = params.presence_penalty,
          .presence_context_size = params.presence_context_size,
          .frequency_penalty = params.frequency_penalty,
          .frequency_context_size = params.frequency_context_size,
          .logit_bias = bias_of(params),
          .seed = params.has_seed != 0 ? std::optional(params.seed) : std::nullopt};
}

std::optional<text::GrammarSource> grammar_of(const burin_generate_params& params) {
  if (params.format < BURIN_FORMAT_NONE || params.format > BURIN_FORMAT_LARK) {
    throw invalid("format", fmt::format("{} is no format", params.format));
  }
  const bool has_text = params.format != BURIN_FORMAT_NONE && params.format != BURIN_FORMAT_JSON;
  if (has_text != (params.format_text != nullptr)) {
    throw invalid("format_text", has_text ? "the format's text is missing" : "this format has no text");
  }
  if (params.format == BURIN_FORMAT_NONE) {
    return std::nullopt;
  }
  return text::GrammarSource{.kind = static_cast<GrammarKind>(params.format - BURIN_FORMAT_JSON_SCHEMA),
                             .text = has_text ? text_of(params.format_text, "format_text") : std::string()};
}

engine::Speculation speculation_of(const burin_generate_params& params) {
  if (params.draft < BURIN_DRAFT_NONE || params.draft > BURIN_DRAFT_PROMPT_LOOKUP) {
    throw invalid("draft", fmt::format("{} is nobody who drafts", params.draft));
  }
  return {.method = static_cast<engine::DraftMethod>(params.draft), .num_draft_tokens = params.num_draft_tokens};
}

engine::GenerateRequest generate_of(const burin_generate_params* given) {
  const burin_generate_params params =
      given == nullptr ? default_params() : read_struct(given, default_params(), "params");
  engine::GenerateRequest request;
  request.sampling = sampling_of(params);
  request.max_tokens = params.max_tokens;
  request.prefill_step_size = params.prefill_step_size;
  request.ignore_eos = params.ignore_eos != 0;
  request.grammar = grammar_of(params);
  request.speculation = speculation_of(params);
  for (size_t i = 0; i < params.stop_count; ++i) {
    request.stop.push_back(text_of((&required(params.stop, "stop"))[i], "stop"));
  }
  return request;
}

/** JSON from the caller: what is wrong with it is his mistake, not a damaged file. */
Json json_of(const char* text, const char* param, Json::value_t type) {
  Json value;
  try {
    value = parse_json(&required(text, param), param);
  } catch (const Error& error) {
    throw invalid(param, error.message());
  }
  if (value.type() != type) {
    throw invalid(param, fmt::format("{} must be a JSON {}", param, type == Json::value_t::array ? "array" : "object"));
  }
  return value;
}

/** The entries of a list may be of another version than this library's: the first one's size is the stride. */
Json messages_of(const burin_request& request) {
  Json messages = Json::array();
  const size_t stride = checked_size(required(request.messages, "messages"), "messages");
  const auto* bytes = reinterpret_cast<const std::byte*>(request.messages);
  for (size_t i = 0; i < request.message_count; ++i) {
    const auto* entry = reinterpret_cast<const burin_message*>(bytes + i * stride);
    if (entry->size != stride) {
      throw invalid("messages", "the size field of a message differs from the first one's");
    }
    const burin_message message = read_struct(entry, burin_message{}, "messages");
    messages.push_back({{"role", text_of(message.role, "role")}, {"content", text_of(message.content, "content")}});
  }
  return messages;
}

engine::ChatPrompt chat_of(const burin_request& request) {
  engine::ChatPrompt chat;
  chat.messages = request.messages_json != nullptr
                      ? json_of(request.messages_json, "messages_json", Json::value_t::array)
                      : messages_of(request);
  if (chat.messages.empty()) {
    throw invalid("messages", "there is no message");
  }
  if (request.tools_json != nullptr) {
    chat.tools = json_of(request.tools_json, "tools_json", Json::value_t::array);
  }
  if (request.template_kwargs_json != nullptr) {
    chat.template_kwargs = json_of(request.template_kwargs_json, "template_kwargs_json", Json::value_t::object);
  }
  return chat;
}

engine::Prompt prompt_of(const burin_request& request) {
  const bool has_ids = request.prompt_ids != nullptr || request.prompt_id_count > 0;
  const bool has_messages = request.messages != nullptr || request.message_count > 0;
  const int forms = (request.prompt != nullptr ? 1 : 0) + (has_ids ? 1 : 0) + (has_messages ? 1 : 0) +
                    (request.messages_json != nullptr ? 1 : 0);
  if (forms != 1) {
    throw invalid("prompt", fmt::format("a request has one of prompt, prompt_ids, messages and messages_json; "
                                        "this one has {}",
                                        forms));
  }
  if (has_messages || request.messages_json != nullptr) {
    return chat_of(request);
  }
  if (request.tools_json != nullptr || request.template_kwargs_json != nullptr) {
    throw invalid("tools_json", "tools and template variables go with messages only");
  }
  if (request.prompt != nullptr) {
    return text_of(request.prompt, "prompt");
  }
  const std::span ids(&required(request.prompt_ids, "prompt_ids"), request.prompt_id_count);
  return std::vector<int32_t>(ids.begin(), ids.end());
}

}  // namespace

Request request_of(const burin_request* request) {
  const burin_request given = read_struct(request, burin_request{}, "request");
  return {.prompt = prompt_of(given), .generate = generate_of(given.params)};
}

engine::RetryPolicy retry_of(const burin_retry* retry) {
  const burin_retry given = retry == nullptr ? default_retry() : read_struct(retry, default_retry(), "retry");
  return {.max_retries = given.max_retries,
          .base_delay = delay_of(given.base_delay_s, "base_delay"),
          .backoff_multiplier = given.backoff_multiplier,
          .max_delay = delay_of(given.max_delay_s, "max_delay"),
          .jitter = given.jitter};
}

}  // namespace burin::api

void burin_generate_params_init(burin_generate_params* params, size_t size) {
  burin::api::init_struct(params, size, burin::api::default_params());
}

void burin_request_init(burin_request* request, size_t size) {
  burin::api::init_struct(request, size, burin_request{});
}

void burin_retry_init(burin_retry* retry, size_t size) {
  burin::api::init_struct(retry, size, burin::api::default_retry());
}
