#include "generate/parameter.h"

#include <fmt/core.h>

#include <limits>

#include "base/error.h"

namespace burin::generate {
namespace {

std::string range_text(const Parameter& parameter) {
  if (parameter.high < static_cast<double>(std::numeric_limits<int>::max())) {
    return fmt::format("between {} and {}", parameter.low, parameter.high);
  }
  if (parameter.low > static_cast<double>(std::numeric_limits<int>::min())) {
    return fmt::format("{} or more", parameter.low);
  }
  return "a finite number";
}

}  // namespace

void check_parameters(std::span<const Parameter> parameters, const SamplingParams& params) {
  for (const Parameter& parameter : parameters) {
    const double value = parameter.get(params);
    if (!(value >= parameter.low && value <= parameter.high)) {
      throw Error(ErrorCode::InvalidArgument, "sampling",
                  fmt::format("{} must be {}, but is {}", parameter.name, range_text(parameter), value))
          .fact("param", std::string(parameter.name));
    }
  }
}

}  // namespace burin::generate
