// The C interface's requests as the engine takes them, with their defaults.
#pragma once

#include "burin/burin.h"
#include "engine/prompt.h"
#include "engine/recovery.h"

namespace burin::api {

struct Request {
  engine::Prompt prompt;
  engine::GenerateRequest generate;
};

/** Throws: InvalidArgument (fact "param"); Unsupported for fields of a newer version. */
Request request_of(const burin_request* request);
engine::RetryPolicy retry_of(const burin_retry* retry);

}  // namespace burin::api
