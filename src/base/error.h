// The one error type of burin: a closed list of codes, a message, a hint and facts.
// Thrown anywhere inside; translated at four borders only (MLX call, HTTP handler, CLI main, C ABI).
#pragma once

#include <map>
#include <stdexcept>
#include <string>
#include <string_view>

#include "base/export.h"

namespace burin {

enum class ErrorCode {
  Internal,
  InvalidArgument,
  NotFound,
  Ambiguous,
  Network,
  Permission,
  Corrupt,
  Unsupported,
  ResourceExhausted,
  Busy,
  Cancelled,
};

/** What each border shows for a code. `name` is `error.type` of the CLI's JSON. */
struct ErrorTraits {
  std::string_view name;
  int exit_status;
  int http_status;
  std::string_view openai_type;
};

/** The row of the table in design.md for `code`. */
const ErrorTraits& traits(ErrorCode code);

/**
 * A failure: `what()` is "[where] message"; `message()` is for people and names `where` when that is what is corrupt or
 * unsupported ("model.safetensors: .."); `hint()` says what the user can do next; `type()` is a finer name
 * than the code's where a client knows one (`ambiguous_match`, `model_not_found`).
 */
class BURIN_API Error : public std::runtime_error {
 public:
  Error(ErrorCode code, std::string_view where, std::string_view message);
  ~Error() override;

  Error& hint(std::string text) &;
  Error&& hint(std::string text) &&;
  Error& type(std::string name) &;
  Error&& type(std::string name) &&;
  Error& fact(const std::string& key, std::string value) &;
  Error&& fact(const std::string& key, std::string value) &&;

  ErrorCode code() const noexcept { return code_; }
  const std::string& message() const noexcept { return message_; }
  const std::string& hint() const noexcept { return hint_; }
  const std::string& type() const noexcept { return type_; }
  const std::map<std::string, std::string>& facts() const noexcept { return facts_; }

 private:
  ErrorCode code_;
  std::string message_;
  std::string hint_;
  std::string type_;
  std::map<std::string, std::string> facts_;
};

}  // namespace burin

/** Marks a programmer's mistake; user input must never reach it. */
#define BURIN_CHECK(condition)                                                            \
  do {                                                                                    \
    if (!(condition)) {                                                                   \
      throw ::burin::Error(::burin::ErrorCode::Internal, "check", "failed: " #condition); \
    }                                                                                     \
  } while (false)
