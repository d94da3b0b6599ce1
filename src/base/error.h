// What the layers add to the public error type (include/burin/error.h): how each border shows a code.
// Errors are thrown anywhere inside and translated at four borders only (MLX call, HTTP handler, CLI main, C ABI).
#pragma once

#include <string_view>

#include "base/export.h"
#include "burin/error.h"

namespace burin {

/** What each border shows for a code. `name` is `error.type` of the CLI's JSON. */
struct ErrorTraits {
  std::string_view name;
  int exit_status;
  int http_status;
  std::string_view openai_type;
};

/** The row of the table in design.md for `code`. */
const ErrorTraits& traits(ErrorCode code);

}  // namespace burin

/** Marks a programmer's mistake; user input must never reach it. */
#define BURIN_CHECK(condition)                                                            \
  do {                                                                                    \
    if (!(condition)) {                                                                   \
      throw ::burin::Error(::burin::ErrorCode::Internal, "check", "failed: " #condition); \
    }                                                                                     \
  } while (false)
