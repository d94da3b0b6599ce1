// The table of sampling steps. Each one is a file, a line in samplers.def and a descriptor that documents itself.
// Source: mlx-lm 0.32.2 sample_utils.py; the same MLX operations in the same order, so a seed gives the same draws.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "generate/parameter.h"
#include "ops/array.h"

namespace burin::generate {

/** Shapes: logprobs (B, V) -> logprobs (B, V) with dropped tokens at -inf; the last step -> ids (B). */
using SamplingStep = std::function<mx::array(const mx::array& logprobs)>;

/** What a step may need beside its parameters. The key sequence is shared: draws happen in the order of the chain. */
struct SamplerContext {
  std::shared_ptr<mx::random::KeySequence> keys;
  std::vector<int32_t> xtc_special_tokens;
  int vocab_size = 0;
};

struct SamplerDescriptor {
  std::string_view name;
  std::string_view summary;
  int order;  // place in the chain
  std::span<const Parameter> parameters;
  /** The step for these parameters; empty when they leave it out. */
  SamplingStep (*make)(const SamplingParams&, const SamplerContext&);
};

/** All steps in order of application: top_p, min_p, xtc, top_k, categorical. */
std::span<const SamplerDescriptor> samplers();

}  // namespace burin::generate
