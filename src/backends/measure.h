// Speed of a loaded model on random tokens: what `burin bench` prints.
#pragma once

#include "engine/backend.h"
#include "models/model.h"

namespace burin::backends {

/**
 * Runs the request once. Tokens are random but always the same; no eos ends anything.
 * Throws: InvalidArgument for counts out of range or beyond the model's context.
 */
engine::Measurement measure(const models::Model& model, const engine::MeasureRequest& request);

}  // namespace burin::backends
