// The engine's contract and the generate layer's requests, field by field.
#pragma once

#include "engine/backend.h"
#include "generate/request.h"

namespace burin::backends {

generate::Request to_generate(const engine::GenerateRequest& request);
engine::GenerateResult to_engine(generate::Result result);
engine::TokenEvent to_engine(const generate::TokenEvent& event);

}  // namespace burin::backends
