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

struct Character {
  size_t length = 1;
  char32_t code = 0;
  bool valid = false;
};

/** The UTF-8 character at the front of `text`; one invalid byte where there is none. */
Character character_at(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) {
    return {.length = 1, .code = first, .valid = true};
  }
  const size_t length = first >= 0xF0 && first < 0xF5 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < length) {
    return {};
  }
  char32_t code = first & (0xFFU >> (length + 1));
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0U) != 0x80) {
      return {};
    }
    code = (code << 6U) | (byte(i) & 0x3FU);
  }
  return {.length = length, .code = code, .valid = true};
}

bool moves_the_terminal(const Character& character) {
  const char32_t c = character.code;
  const bool control = (c < 0x20 && c != '\n' && c != '\t') || (c >= 0x7F && c < 0xA0);
  const bool direction = (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069);
  return !character.valid || control || direction;
}

template <typename Replace>
std::string filter(std::string_view text, Replace replace) {
  std::string result;
  while (!text.empty()) {
    const Character character = character_at(text);
    if (moves_the_terminal(character)) {
      result += replace(text.substr(0, character.length));
    } else {
      result += text.substr(0, character.length);
    }
    text.remove_prefix(character.length);
  }
  return result;
}

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

std::string escape_controls(std::string_view text) {
  return filter(text, [](std::string_view bytes) {
    std::string escaped;
    for (const char c : bytes) {
      escaped += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    }
    return escaped;
  });
}

std::string strip_controls(std::string_view text) {
  return filter(text, [](std::string_view) { return std::string(); });
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

void Output::print_answer(std::string_view text) {
  print(options_.stdout_terminal ? strip_controls(text) : std::string(text));
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

ScreenSize screen_size() {
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0) {
    return {};
  }
  return {.columns = size.ws_col, .rows = size.ws_row};
}

}  // namespace burin::cli
