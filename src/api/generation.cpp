// The C interface of an answer: started, pulled or called back, cancelled; and the text forms around it.
#include <cstdlib>
#include <memory>
#include <new>
#include <span>

#include "api/border.h"
#include "api/engine_state.h"
#include "api/request.h"

namespace burin::api {
namespace {

static_assert(BURIN_FINISH_STOP == static_cast<int>(engine::FinishReason::Stop));
static_assert(BURIN_FINISH_LENGTH == static_cast<int>(engine::FinishReason::Length));
static_assert(BURIN_FINISH_CANCELLED == static_cast<int>(engine::FinishReason::Cancelled));

std::unique_ptr<burin_generation> start(burin_engine* engine, const burin_request* request) {
  engine::ModelRunner& runner = runner_of(engine);
  Request made = request_of(request);
  return std::make_unique<burin_generation>(runner.start(std::move(made.prompt), std::move(made.generate)));
}

/** Calls back until the end or until the callback has enough. */
void run_to_end(burin_generation& generation, burin_token_callback on_token, void* user_data) {
  while (on_token != nullptr) {
    const std::optional<engine::TokenEvent> event = generation.generation->next();
    if (!event) {
      break;
    }
    const burin_token token = token_of(*event);
    if (on_token(&token, user_data) != 0) {
      generation.generation->cancel();
      break;
    }
  }
  generation.generation->result();
}

burin_result result_of(const engine::GenerateResult& result) {
  return {.size = sizeof(burin_result),
          .text = result.text.c_str(),
          .text_size = result.text.size(),
          .ids = result.tokens.data(),
          .id_count = result.tokens.size(),
          .finish_reason = static_cast<int32_t>(result.finish_reason),
          .prompt_tokens = result.prompt_tokens,
          .first_token_ms = result.first_token_ms,
          .prompt_tokens_per_s = result.prompt_tokens_per_s,
          .tokens_per_s = result.predicted_tokens_per_s,
          .cached_tokens = static_cast<uint64_t>(result.cached_tokens),
          .draft_tokens = result.draft_tokens,
          .accepted_tokens = result.accepted_tokens};
}

int32_t* new_ids(const std::vector<int32_t>& ids) {
  auto* copy = static_cast<int32_t*>(std::malloc(std::max<size_t>(1, ids.size()) * sizeof(int32_t)));
  if (copy == nullptr) {
    throw std::bad_alloc();
  }
  std::ranges::copy(ids, copy);
  return copy;
}

std::string render(burin_engine* engine, const burin_request* request) {
  engine::ModelRunner& runner = runner_of(engine);
  const Request made = request_of(request);
  const auto* chat = std::get_if<engine::ChatPrompt>(&made.prompt);
  if (chat == nullptr) {
    throw invalid("messages", "the request has no messages");
  }
  std::string text;
  runner.with_backend([&](engine::Backend& backend) {
    text = backend.apply_chat_template(chat->messages, chat->tools, chat->template_kwargs, chat->add_generation_prompt);
  });
  return text;
}

}  // namespace
}  // namespace burin::api

using burin::api::guarded;
using burin::api::required;

burin_status burin_engine_start(burin_engine* engine, const burin_request* request, burin_generation** generation,
                                burin_error** error) {
  return guarded(error, [&] {
    required(generation, "generation") = nullptr;
    *generation = burin::api::start(engine, request).release();
  });
}

burin_status burin_engine_generate(burin_engine* engine, const burin_request* request, burin_token_callback on_token,
                                   void* user_data, burin_generation** generation, burin_error** error) {
  return guarded(error, [&] {
    required(generation, "generation") = nullptr;
    auto started = burin::api::start(engine, request);
    burin::api::run_to_end(*started, on_token, user_data);
    *generation = started.release();
  });
}

burin_status burin_engine_generate_with_retry(burin_engine* engine, const burin_request* request,
                                              const burin_retry* retry, burin_generation** generation,
                                              burin_error** error) {
  using namespace burin::api;
  return guarded(error, [&] {
    required(generation, "generation") = nullptr;
    burin::engine::ModelRunner& runner = runner_of(engine);
    const Request made = request_of(request);
    *generation =
        std::make_unique<burin_generation>(runner.generate_with_retry(made.prompt, made.generate, retry_of(retry)))
            .release();
  });
}

burin_status burin_generation_next(burin_generation* generation, burin_token* token, burin_error** error) {
  using namespace burin::api;
  bool ended = false;
  const burin_status status = guarded(error, [&] {
    checked_size(required(token, "token"), "token");  // before an event is taken for it
    std::optional<burin::engine::TokenEvent> event = required(generation, "generation").generation->next();
    ended = !event;
    if (event) {
      generation->event = std::move(*event);
      write_struct(token, token_of(generation->event), "token");
    }
  });
  return status == BURIN_OK && ended ? BURIN_END : status;
}

burin_status burin_generation_result(burin_generation* generation, burin_result* result, burin_error** error) {
  using namespace burin::api;
  return guarded(error, [&] {
    write_struct(result, result_of(required(generation, "generation").generation->result()), "result");
  });
}

void burin_generation_cancel(burin_generation* generation) {
  if (generation != nullptr) {
    generation->generation->cancel();
  }
}

void burin_generation_free(burin_generation* generation) {
  burin_generation_cancel(generation);
  delete generation;
}

burin_status burin_engine_tokenize(burin_engine* engine, const char* text, int32_t add_special_tokens, int32_t** ids,
                                   size_t* id_count, burin_error** error) {
  using namespace burin::api;
  return guarded(error, [&] {
    required(ids, "ids") = nullptr;
    required(id_count, "id_count") = 0;
    const std::string given = text_of(text, "text");
    std::vector<int32_t> found;
    runner_of(engine).with_backend(
        [&](burin::engine::Backend& backend) { found = backend.tokenize(given, add_special_tokens != 0); });
    *ids = new_ids(found);
    *id_count = found.size();
  });
}

burin_status burin_engine_detokenize(burin_engine* engine, const int32_t* ids, size_t id_count,
                                     int32_t skip_special_tokens, char** text, burin_error** error) {
  using namespace burin::api;
  return guarded(error, [&] {
    required(text, "text") = nullptr;
    const std::vector<int32_t> given =
        id_count == 0 ? std::vector<int32_t>() : std::vector<int32_t>(&required(ids, "ids"), ids + id_count);
    std::string found;
    runner_of(engine).with_backend(
        [&](burin::engine::Backend& backend) { found = backend.detokenize(given, skip_special_tokens != 0); });
    *text = new_string(found);
  });
}

burin_status burin_engine_render_chat(burin_engine* engine, const burin_request* request, char** text,
                                      burin_error** error) {
  return guarded(error, [&] {
    required(text, "text") = nullptr;
    *text = burin::api::new_string(burin::api::render(engine, request));
  });
}
