// The proof that a loaded model computes: one step from one fixed token, kept to compare a later load with.
#pragma once

#include <vector>

#include "engine/backend.h"

namespace burin::engine {

/** Logits after one fixed token: cheap, touches every weight, and the same each time. Empty: the backend has none. */
std::vector<float> first_step(Backend& backend, const LoadOptions& options);

/** Throws: Internal when one of them is not a number. */
void require_numbers(const std::vector<float>& logits);

/** Equal up to what another order of summation on another device could explain. Throws: Corrupt. */
void require_same(const std::vector<float>& before, const std::vector<float>& after);

}  // namespace burin::engine
