#include "generate/logits_processors.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "generate/samplers.h"

namespace burin::generate {
namespace {

constexpr double kMaxInt = std::numeric_limits<int>::max();
constexpr double kMaxFloat = std::numeric_limits<float>::max();

constexpr std::array kParameters{
    Parameter{"repetition_penalty", "Divides positive and multiplies negative logits of recent tokens; 0: off", 0,
              kMaxFloat, 0, [](const SamplingParams& p) { return p.repetition_penalty; }},
    Parameter{"repetition_context_size", "Tokens that repetition_penalty looks back; 0: all", 0, kMaxInt, 20,
              [](const SamplingParams& p) { return static_cast<double>(p.repetition_context_size); }},
    Parameter{"presence_penalty", "Subtracted once from the logit of every recent token", -kMaxFloat, kMaxFloat, 0,
              [](const SamplingParams& p) { return p.presence_penalty; }},
    Parameter{"presence_context_size", "Tokens that presence_penalty looks back; 0: all", 0, kMaxInt, 20,
              [](const SamplingParams& p) { return static_cast<double>(p.presence_context_size); }},
    Parameter{"frequency_penalty", "Subtracted from the logit of a recent token for each time it occurs", -kMaxFloat,
              kMaxFloat, 0, [](const SamplingParams& p) { return p.frequency_penalty; }},
    Parameter{"frequency_context_size", "Tokens that frequency_penalty looks back; 0: all", 0, kMaxInt, 20,
              [](const SamplingParams& p) { return static_cast<double>(p.frequency_context_size); }},
};

/** The newest `size` tokens as (1, n) indices. */
mx::array recent(const mx::array& tokens, int size) {
  const int count = tokens.shape(0);
  const int first = size == 0 ? 0 : std::max(0, count - size);
  return mx::reshape(mx::slice(tokens, {first}, {count}), {1, count - first});
}

LogitsProcessor make_logit_bias(const std::map<int32_t, float>& bias, int vocab_size) {
  std::vector<int32_t> ids;
  std::vector<float> values;
  for (const auto& [id, value] : bias) {
    if (id < 0 || id >= vocab_size || !std::isfinite(value)) {
      throw Error(ErrorCode::InvalidArgument, "sampling",
                  fmt::format("logit_bias of token {}: the id must lie in the vocabulary of {} and the value be finite",
                              id, vocab_size))
          .fact("param", "logit_bias");
    }
    ids.push_back(id);
    values.push_back(value);
  }
  return [ids, values](const mx::array&, const mx::array& logits) {
    const mx::Shape shape{1, static_cast<int>(ids.size())};
    return mx::scatter_add_axis(logits, mx::array(ids.begin(), shape, mx::int32),
                                mx::array(values.begin(), shape, logits.dtype()), -1);
  };
}

LogitsProcessor make_repetition_penalty(double penalty, int context_size) {
  return [penalty, context_size](const mx::array& tokens, const mx::array& logits) {
    const mx::array ids = recent(tokens, context_size);
    const mx::array selected = mx::take_along_axis(logits, ids, -1);
    const mx::array factor = scalar_like(penalty, logits);
    const mx::array changed =
        mx::where(mx::less(selected, scalar_like(0, logits)), selected * factor, selected / factor);
    return mx::put_along_axis(logits, ids, changed, -1);
  };
}

LogitsProcessor make_presence_penalty(double penalty, int context_size) {
  return [penalty, context_size](const mx::array& tokens, const mx::array& logits) {
    const mx::array ids = recent(tokens, context_size);
    return mx::put_along_axis(logits, ids, mx::take_along_axis(logits, ids, -1) - scalar_like(penalty, logits), -1);
  };
}

LogitsProcessor make_frequency_penalty(double penalty, int context_size) {
  return [penalty, context_size](const mx::array& tokens, const mx::array& logits) {
    const mx::array ids = recent(tokens, context_size);
    return mx::scatter_add_axis(logits, ids, mx::full(ids.shape(), scalar_like(-penalty, logits)), -1);
  };
}

}  // namespace

std::span<const Parameter> logits_processor_parameters() {
  return kParameters;
}

std::vector<LogitsProcessor> make_logits_processors(const SamplingParams& params, int vocab_size) {
  check_parameters(kParameters, params);
  std::vector<LogitsProcessor> processors;
  if (!params.logit_bias.empty()) {
    processors.push_back(make_logit_bias(params.logit_bias, vocab_size));
  }
  if (params.repetition_penalty != 0.0) {
    processors.push_back(make_repetition_penalty(params.repetition_penalty, params.repetition_context_size));
  }
  if (params.presence_penalty != 0.0) {
    processors.push_back(make_presence_penalty(params.presence_penalty, params.presence_context_size));
  }
  if (params.frequency_penalty != 0.0) {
    processors.push_back(make_frequency_penalty(params.frequency_penalty, params.frequency_context_size));
  }
  return processors;
}

int context_needed(const SamplingParams& params) {
  const std::array sizes{params.repetition_context_size, params.presence_context_size, params.frequency_context_size};
  return std::ranges::min(sizes) == 0 ? 0 : std::ranges::max(sizes);
}

}  // namespace burin::generate
