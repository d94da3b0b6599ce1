// From a request to events and a result: tokens, text as it becomes whole, stop strings and the reason for the end.
#pragma once

#include "models/model.h"
#include "text/generation.h"
#include "text/tokenizer.h"

namespace burin::generate {

using text::EventSink;
using text::FinishReason;
using text::TokenEvent;

/** What answers: a model, its tokenizer or null, and a smaller model that guesses for it or null. */
struct Generator {
  const models::Model& model;
  const text::Tokenizer* tokenizer = nullptr;
  const models::Model* draft = nullptr;
};

/**
 * Answers one request. The texts of all events together are the result's text; the last event carries the finish
 * reason, and text that was held back. No event follows one for which the sink returned false; what was held back is
 * then dropped. Without a tokenizer there is no text, and only the model's own eos tokens end it.
 * Generation ends with `Length` when the context is full. Threads: the thread that loaded the model.
 * Throws: InvalidArgument (fact "param") for a bad request, a prompt that fills the context included.
 */
text::GenerateResult generate(const Generator& generator, const text::GenerateRequest& request,
                              const EventSink& on_event);

}  // namespace burin::generate
