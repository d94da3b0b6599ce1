// Between the C++ types and the C structs. Used by the headers of this folder only; not an interface.
/// @cond INTERNAL
#pragma once

#include <exception>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "burin/types.h"

namespace burin::detail {

/** Frees what the C interface gave, by the function `Free`. */
template <auto Free>
struct Freer {
  template <class T>
  void operator()(T* pointer) const noexcept {
    Free(pointer);
  }
};

template <class T, auto Free>
using Owned = std::unique_ptr<T, Freer<Free>>;

using OwnedString = Owned<char, burin_string_free>;

/** Runs `call(burin_error**)`. Throws: its failure. Returns: BURIN_OK or BURIN_END. */
template <class Call>
burin_status checked(Call&& call) {
  burin_error* raw = nullptr;
  const burin_status status = std::forward<Call>(call)(&raw);
  if (status == BURIN_OK || status == BURIN_END) {
    return status;
  }
  const Owned<burin_error, burin_error_free> owned(raw);
  Error error(static_cast<ErrorCode>(status), "burin", raw == nullptr ? "failed" : burin_error_message(raw));
  if (raw != nullptr) {
    error.hint(burin_error_hint(raw)).type(burin_error_type(raw));
    for (size_t i = 0; burin_error_fact_name(raw, i) != nullptr; ++i) {
      const char* name = burin_error_fact_name(raw, i);
      error.fact(name, burin_error_fact(raw, name));
    }
  }
  throw error;
}

/** `text` for C. Throws: InvalidArgument when it holds a zero byte, which would cut it. */
inline const char* c_text(const std::string& text, const char* param) {
  if (text.find('\0') != std::string::npos) {
    throw Error(ErrorCode::InvalidArgument, "burin", std::string(param).append(" holds a zero byte"))
        .hint("give it as token ids")
        .fact("param", param);
  }
  return text.c_str();
}

inline const char* c_text_or_null(const std::string& text, const char* param) {
  return text.empty() ? nullptr : c_text(text, param);
}

/** A request for C; it points into the prompt and the parameters, which must outlive it. */
class Request {
 public:
  Request(const Prompt& prompt, const GenerateParams& params, int default_max_tokens) {
    burin_generate_params_init(&params_, sizeof params_);
    burin_request_init(&request_, sizeof request_);
    set_sampling(params);
    params_.max_tokens = params.max_tokens.value_or(default_max_tokens);
    set_lists(params);
    set_format(params);
    request_.params = &params_;
    std::visit([this](const auto& form) { set(form); }, prompt);
  }
  Request(const Prompt&&, const GenerateParams&, int) = delete;
  Request(const Request&) = delete;
  Request& operator=(const Request&) = delete;

  const burin_request* get() const noexcept { return &request_; }

 private:
  void set_sampling(const GenerateParams& params) {
    params_.temperature = params.temperature;
    params_.top_p = params.top_p;
    params_.top_k = params.top_k;
    params_.min_p = params.min_p;
    params_.min_tokens_to_keep = params.min_tokens_to_keep;
    params_.xtc_probability = params.xtc_probability;
    params_.xtc_threshold = params.xtc_threshold;
    params_.repetition_penalty = params.repetition_penalty;
    params_.repetition_context_size = params.repetition_context_size;
    params_.presence_penalty = params.presence_penalty;
    params_.presence_context_size = params.presence_context_size;
    params_.frequency_penalty = params.frequency_penalty;
    params_.frequency_context_size = params.frequency_context_size;
    params_.prefill_step_size = params.prefill_step_size;
    params_.has_seed = params.seed ? 1 : 0;
    params_.seed = params.seed.value_or(0);
  }

  void set_lists(const GenerateParams& params) {
    for (const std::string& text : params.stop) {
      stop_.push_back(c_text(text, "stop"));
    }
    for (const auto& [id, bias] : params.logit_bias) {
      bias_ids_.push_back(id);
      bias_values_.push_back(bias);
    }
    params_.stop = stop_.data();
    params_.stop_count = stop_.size();
    params_.logit_bias_ids = bias_ids_.data();
    params_.logit_bias_values = bias_values_.data();
    params_.logit_bias_count = bias_ids_.size();
  }

  void set_format(const GenerateParams& params) {
    params_.draft = static_cast<int32_t>(params.draft);
    params_.num_draft_tokens = params.num_draft_tokens;
    params_.ignore_eos = params.ignore_eos ? 1 : 0;
    if (params.format) {
      params_.format = static_cast<int32_t>(params.format->kind);
      const bool has_text = params.format->kind != Format::Kind::Json || !params.format->text.empty();
      params_.format_text = has_text ? c_text(params.format->text, "format_text") : nullptr;
    }
  }

  void set(const std::string& text) { request_.prompt = c_text(text, "prompt"); }

  void set(const TokenIds& ids) {
    static constexpr int32_t kNone = 0;
    request_.prompt_ids = ids.empty() ? &kNone : ids.data();
    request_.prompt_id_count = ids.size();
  }

  void set(const Chat& chat) {
    for (const ChatMessage& message : chat.messages) {
      messages_.push_back({sizeof(burin_message), c_text(message.role, "role"), c_text(message.content, "content")});
    }
    request_.messages = messages_.empty() ? nullptr : messages_.data();
    request_.message_count = messages_.size();
    request_.messages_json = c_text_or_null(chat.messages_json, "messages_json");
    request_.tools_json = c_text_or_null(chat.tools_json, "tools_json");
    request_.template_kwargs_json = c_text_or_null(chat.template_kwargs_json, "template_kwargs_json");
  }

  burin_request request_;
  burin_generate_params params_;
  std::vector<const char*> stop_;
  std::vector<int32_t> bias_ids_;
  std::vector<float> bias_values_;
  std::vector<burin_message> messages_;
};

/** The folders of an Environment as C takes them. */
class EnvironmentView {
 public:
  explicit EnvironmentView(const Environment& environment)
      : texts_{environment.home.string(), environment.model_home.string(), environment.hub_cache.string(),
               environment.backend_dir.string()},
        view_{sizeof view_, c_text_or_null(texts_[0], "home"), c_text_or_null(texts_[1], "model_home"),
              c_text_or_null(texts_[2], "hub_cache"), c_text_or_null(texts_[3], "backend_dir")} {}
  EnvironmentView(const EnvironmentView&) = delete;
  EnvironmentView& operator=(const EnvironmentView&) = delete;

  const burin_environment* get() const noexcept { return &view_; }

 private:
  std::array<std::string, 4> texts_;
  burin_environment view_;
};

inline Token token_from(const burin_token& token) {
  return {std::string(token.text, token.text_size), token.id, token.logprob,
          static_cast<FinishReason>(token.finish_reason)};
}

inline Seconds from_ms(double ms) {
  return Seconds(ms * 1e-3);
}

/** A callback and what it threw: an exception must not pass through C. */
template <class Callback>
struct Guarded {
  const Callback& callback;
  std::exception_ptr failure;

  template <class Argument>
  int operator()(const Argument& argument) noexcept {
    try {
      return callback(argument) ? 0 : 1;
    } catch (...) {
      failure = std::current_exception();
      return 1;
    }
  }
};

/** The answer of a generation that `call(burin_generation**, burin_error**)` or a stream ran. */
inline GenerateResult result_from(burin_generation* generation) {
  burin_result result{};
  result.size = sizeof result;
  checked([&](burin_error** error) { return burin_generation_result(generation, &result, error); });
  return {std::string(result.text, result.text_size),
          TokenIds(result.ids, result.ids + result.id_count),
          static_cast<FinishReason>(result.finish_reason),
          result.prompt_tokens,
          from_ms(result.first_token_ms),
          result.prompt_tokens_per_s,
          result.tokens_per_s,
          static_cast<int>(result.cached_tokens),
          result.draft_tokens,
          result.accepted_tokens};
}

}  // namespace burin::detail
/// @endcond
