// The options of every command that generates, and the request they make.
#pragma once

#include <vector>

#include "cli/arguments.h"
#include "engine/backend.h"

namespace burin::cli {

/** --max-tokens, --temperature .. --stop, --prefill-step-size: mlx-lm's names and defaults of sampling. */
std::vector<Option> sampling_options();

/** --precision, --threads. */
std::vector<Option> execution_options();

/** Everything but prompt, cancel and callbacks. Throws: InvalidArgument for a --logit-bias that is no ID=BIAS. */
engine::GenerateRequest request_from(const Arguments& arguments);

/** Everything but the folder and callbacks. */
engine::LoadOptions load_options_from(const Arguments& arguments);

/** `first` followed by the members of `second`. */
std::vector<Option> operator+(std::vector<Option> first, const std::vector<Option>& second);

}  // namespace burin::cli
