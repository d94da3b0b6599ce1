#include "backends/border.h"

#include <fmt/core.h>

#include <new>
#include <string>

namespace burin::backends {
namespace {

bool is_out_of_memory(const std::exception& failure) {
  const std::string_view what = failure.what();
  return dynamic_cast<const std::bad_alloc*>(&failure) != nullptr ||
         dynamic_cast<const std::length_error*>(&failure) != nullptr ||
         what.find("Unable to allocate") != std::string_view::npos || what.find("alloc]") != std::string_view::npos;
}

}  // namespace

Error translated(const std::exception& failure, std::string_view where, std::string_view model) {
  const std::string named = model.empty() ? std::string() : fmt::format("model {}: ", model);
  if (is_out_of_memory(failure)) {
    return Error(ErrorCode::ResourceExhausted, where, fmt::format("{}memory ran out ({})", named, failure.what()))
        .hint("use a smaller model, a shorter prompt or a smaller context")
        .fact("model", std::string(model));
  }
  return Error(ErrorCode::Internal, where, named + failure.what()).fact("model", std::string(model));
}

}  // namespace burin::backends
