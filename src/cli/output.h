// What goes to stdout and stderr: complete writes, errors noticed, control bytes of untrusted text kept from terminals.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/utf8.h"
#include "cli/word_wrap.h"

namespace burin::cli {

struct OutputOptions {
  bool json = false;
  bool stdout_terminal = false;
  bool stderr_terminal = false;
  bool redraws = false;       // progress on stderr; only on a terminal that moves its cursor
  bool stdout_wraps = false;  // answers may be broken between words; only on a terminal that moves its cursor
  bool color = false;         // of stderr; only on a terminal
};

enum class Wrapping { Off, On };

class Output {
 public:
  explicit Output(const OutputOptions& options) : options_(options) {}

  bool is_json() const { return options_.json; }
  bool stdout_is_terminal() const { return options_.stdout_terminal; }

  /** To stdout as it is. Throws: ResourceExhausted or Internal when not all of it can be written. */
  void print(std::string_view text);
  /** Names, paths, file content: control bytes are shown as \x1b on a terminal. */
  void print_untrusted(std::string_view text);
  /** The next print_answer begins an answer, whose lines are broken between words where stdout allows it. */
  void start_answer(Wrapping wrapping);
  /** Text a model wrote: control bytes are dropped on a terminal. */
  void print_answer(std::string_view text);

  /** One line to stderr, with untrusted text made visible on a terminal; failures are ignored. */
  void note(std::string_view text);
  /** `error: ..` and `hint: ..` on stderr. */
  void report(const Error& error);
  /** Redraws the progress, one line or several; nothing without a terminal. An empty text clears it. */
  void progress(std::string_view text);
  /** Whether progress() shows anything. */
  bool redraws() const { return options_.redraws && !options_.json; }

 private:
  OutputOptions options_;
  size_t progress_lines_ = 0;  // that are shown
  std::optional<WordWrap> wrap_;
};

struct ScreenSize {
  size_t columns = 80;
  size_t rows = 24;
};

/** Of the terminal behind `fd`, now. */
ScreenSize screen_size(int fd);

/** What steers a terminal is left out. */
std::string strip_controls(std::string_view text);

/** stdout's reader is gone: the program ends without a word. */
bool is_broken_pipe(const Error& error);

}  // namespace burin::cli
