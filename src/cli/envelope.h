// The JSON envelope every command prints with --json: exactly {"status","command","data","error"}.
#pragma once

#include <string_view>

#include "base/error.h"
#include "base/json.h"

namespace burin::cli {

Json success_envelope(std::string_view command, Json data);

/** type, message, hint where there is one, and the facts; facts known as lists become lists. */
Json error_details(const Error& error);

Json error_envelope(std::string_view command, const Error& error);

}  // namespace burin::cli
