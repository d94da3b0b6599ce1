/// @file
/// The one error type of burin: a closed list of codes, a message, a hint and facts. Complete in this header, so that
/// a program and the library agree on it without a symbol between them; inside burin it is thrown by every layer.
#pragma once

#include <array>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "burin/export.h"

namespace burin {

/** What went wrong, as a closed list. The values are the program's exit statuses and the integers of the C interface.
 */
enum class ErrorCode : int {
  Internal = 1,           ///< a fault of burin or of a library below it
  InvalidArgument = 2,    ///< the request itself is wrong; fact "param" names the part where known
  NotFound = 3,           ///< no such model, revision or file
  Ambiguous = 4,          ///< a name that fits several models; fact "matches" lists them
  Network = 5,            ///< a download failed; nothing that only runs models throws it
  Permission = 6,         ///< a file or a repository may not be read
  Corrupt = 7,            ///< a file of the model is damaged; the message names it
  Unsupported = 8,        ///< valid, but not something this burin can do; the hint says what to do
  ResourceExhausted = 9,  ///< memory ran out
  Busy = 10,              ///< too many requests wait already, or the engine is being recovered; try later
  Cancelled = 130,        ///< the caller ended it
};

/** "internal", "invalid_argument", ..: the code's name on every interface; empty for a value that is none of them. */
constexpr std::string_view error_name(ErrorCode code) noexcept {
  constexpr std::array<std::string_view, 10> kNames{
      "internal",   "invalid_argument", "not_found",   "ambiguous",          "network",
      "permission", "corrupt",          "unsupported", "resource_exhausted", "busy"};
  if (code == ErrorCode::Cancelled) {
    return "cancelled";
  }
  const int index = static_cast<int>(code) - 1;
  return index >= 0 && index < static_cast<int>(kNames.size()) ? kNames[static_cast<size_t>(index)]
                                                               : std::string_view();
}

/**
 * A failure: `what()` is "[where] message"; `message()` is for people and names `where` when that is what is corrupt or
 * unsupported ("model.safetensors: .."); `hint()` says what the user can do next; `type()` is a finer name
 * than the code's where a client knows one (`ambiguous_match`, `model_not_found`).
 */
class BURIN_API Error : public std::runtime_error {
 public:
  /** An error without hint and facts; its type is the code's name. */
  Error(ErrorCode code, std::string_view where, std::string_view message)
      : std::runtime_error(std::string("[").append(where).append("] ").append(message)),
        code_(code),
        message_(naming_the_culprit(code, where, message)),
        type_(error_name(code)) {}

  /** Sets the hint. */
  Error& hint(std::string text) & {
    hint_ = std::move(text);
    return *this;
  }
  /** Sets the hint of an error about to be thrown. */
  Error&& hint(std::string text) && { return std::move(hint(std::move(text))); }
  /** Sets the finer name. */
  Error& type(std::string name) & {
    type_ = std::move(name);
    return *this;
  }
  /** Sets the finer name of an error about to be thrown. */
  Error&& type(std::string name) && { return std::move(type(std::move(name))); }
  /** Adds or replaces one fact. */
  Error& fact(const std::string& key, std::string value) & {
    facts_[key] = std::move(value);
    return *this;
  }
  /** Adds or replaces one fact of an error about to be thrown. */
  Error&& fact(const std::string& key, std::string value) && { return std::move(fact(key, std::move(value))); }

  /** What went wrong. */
  ErrorCode code() const noexcept { return code_; }
  /** The sentence for people. */
  const std::string& message() const noexcept { return message_; }
  /** What to do next; may be empty. */
  const std::string& hint() const noexcept { return hint_; }
  /** The finer name, or the code's. */
  const std::string& type() const noexcept { return type_; }
  /** Details by name, for programs. */
  const std::map<std::string, std::string>& facts() const noexcept { return facts_; }

 private:
  /** What is corrupt or unsupported is something in particular, mostly a file: people are told which. */
  static std::string naming_the_culprit(ErrorCode code, std::string_view where, std::string_view message) {
    const bool blames = code == ErrorCode::Corrupt || code == ErrorCode::Unsupported;
    const bool named = where.empty() || message.starts_with(where);
    return blames && !named ? std::string(where).append(": ").append(message) : std::string(message);
  }

  ErrorCode code_;
  std::string message_;
  std::string hint_;
  std::string type_;
  std::map<std::string, std::string> facts_;
};

}  // namespace burin
