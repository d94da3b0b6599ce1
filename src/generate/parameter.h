// A documented number of SamplingParams: the tables of samplers and processors are made of these, and `--help`,
// OpenAPI and the range check read the same rows.
#pragma once

#include <span>
#include <string_view>

#include "text/generation.h"

namespace burin::generate {

using text::SamplingParams;

struct Parameter {
  std::string_view name;
  std::string_view summary;
  double low;
  double high;  // both ends allowed
  double default_value;
  double (*get)(const SamplingParams&);
};

/** Throws: InvalidArgument (parameter, range and value named; fact "param") for a value outside its row's range. */
void check_parameters(std::span<const Parameter> parameters, const SamplingParams& params);

}  // namespace burin::generate
