#include "engine/first_step.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>

#include "base/error.h"

namespace burin::engine {

std::vector<float> first_step(Backend& backend, const LoadOptions& options) {
  try {
    std::vector<int32_t> ids = options.with_tokenizer ? backend.tokenize("a", false) : std::vector<int32_t>();
    ids.resize(1);  // no text gives no token in some vocabularies: id 0 then
    return backend.logits({.tokens = std::move(ids)}).values;
  } catch (const Error& error) {
    if (error.code() == ErrorCode::Unsupported) {
      return {};
    }
    throw;
  }
}

void require_numbers(const std::vector<float>& logits) {
  if (std::ranges::any_of(logits, [](float value) { return std::isnan(value); })) {
    throw Error(ErrorCode::Internal, "load", "the model computes values that are not numbers")
        .hint("its files may be damaged: download or import it again");
  }
}

void require_same(const std::vector<float>& before, const std::vector<float>& after) {
  float largest = 0.0F;
  float difference = 0.0F;
  for (size_t i = 0; i < std::min(before.size(), after.size()); ++i) {
    if (std::isinf(before[i]) && before[i] == after[i]) {
      continue;  // tokens that a model rules out
    }
    largest = std::max(largest, std::abs(before[i]));
    difference = std::max(difference, std::abs(before[i] - after[i]));
  }
  if (before.size() != after.size() || difference > 1e-2F * largest) {
    throw Error(ErrorCode::Corrupt, "recovery", "the model answers otherwise than when it was first loaded")
        .hint("its files have changed meanwhile: load it anew");
  }
}

}  // namespace burin::engine
