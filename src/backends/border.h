// The border to MLX: what it throws leaves a backend as burin::Error only.
#pragma once

#include <exception>
#include <string_view>
#include <utility>

#include "base/error.h"

namespace burin::backends {

/** `failure` as an Error that names the model: ResourceExhausted when memory ran out, Internal otherwise. */
Error translated(const std::exception& failure, std::string_view where, std::string_view model);

/** Runs `body`; burin::Error passes with the model added as a fact, anything else is translated. */
template <class Body>
auto at_border(std::string_view where, std::string_view model, Body&& body) {
  try {
    return std::forward<Body>(body)();
  } catch (Error& e) {
    if (!model.empty()) {
      e.fact("model", std::string(model));
    }
    throw;
  } catch (const std::exception& e) {
    throw translated(e, where, model);
  }
}

}  // namespace burin::backends
