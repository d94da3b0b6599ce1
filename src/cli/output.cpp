#include "cli/output.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fmt/format.h>

namespace burin::cli {
namespace {

constexpr std::string_view kBrokenPipe = "broken_pipe";

/** False when not all of it could be written; errno says why. */
bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(fd, text.data(), text.size());
    if (n < 0 && errno != EINTR) {
      return false;
    }
    text.remove_prefix(n < 0 ? 0 : static_cast<size_t>(n));
  }
  return true;
}

}  // namespace

std::string strip_controls(std::string_view text) {
  std::string kept;
  for_each_character(text, [&kept](const Character& character, std::string_view bytes) {
    kept += steers_terminal(character) ? "" : bytes;
  });
  return kept;
}

bool is_broken_pipe(const Error& error) {
  return error.type() == kBrokenPipe;
}

void Output::print(std::string_view text) {
  progress("");
  if (write_all(STDOUT_FILENO, text)) {
    return;
  }
  const ErrorCode code = errno == ENOSPC || errno == EDQUOT ? ErrorCode::ResourceExhausted : ErrorCode::Internal;
  Error error(code, "stdout", std::string("cannot write the output: ") + std::strerror(errno));
  throw errno == EPIPE ? error.type(std::string(kBrokenPipe)) : error;
}

void Output::print_untrusted(std::string_view text) {
  print(options_.stdout_terminal ? escape_controls(text) : std::string(text));
}

void Output::start_answer(Wrapping wrapping) {
  wrap_.reset();
  if (wrapping == Wrapping::On && options_.stdout_wraps) {
    wrap_.emplace(screen_size(STDOUT_FILENO).columns);
  }
}

void Output::print_answer(std::string_view text) {
  const std::string shown = options_.stdout_terminal ? strip_controls(text) : std::string(text);
  print(wrap_ ? wrap_->add(shown) : shown);
}

void Output::note(std::string_view text) {
  progress("");
  write_all(STDERR_FILENO, (options_.stderr_terminal ? escape_controls(text) : std::string(text)) + "\n");
}

void Output::report(const Error& error) {
  progress("");
  const auto line = [&](std::string_view label, std::string_view color, const std::string& text) {
    const std::string shown = options_.stderr_terminal ? escape_controls(text) : text;
    write_all(STDERR_FILENO, options_.color ? fmt::format("\x1b[{}m{}:\x1b[0m {}\n", color, label, shown)
                                            : fmt::format("{}: {}\n", label, shown));
  };
  line("error", "1;31", error.message());
  if (!error.hint().empty()) {
    line("hint", "1;36", error.hint());
  }
}

void Output::progress(std::string_view text) {
  if (!redraws() || (text.empty() && progress_lines_ == 0)) {
    return;
  }
  const auto lines = text.empty() ? size_t{0} : static_cast<size_t>(std::ranges::count(text, '\n')) + 1;
  const std::string up = progress_lines_ > 1 ? fmt::format("\x1b[{}A\x1b[J", progress_lines_ - 1) : "\x1b[K";
  write_all(STDERR_FILENO, "\r" + up + escape_controls(text));
  progress_lines_ = lines;
}

ScreenSize screen_size(int fd) {
  winsize size{};
  if (::ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0) {
    return {};
  }
  return {.columns = size.ws_col, .rows = size.ws_row};
}

}  // namespace burin::cli
