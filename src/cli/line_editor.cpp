#include "cli/line_editor.h"

#include <fcntl.h>
#include <histedit.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <clocale>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <cwchar>

#include "base/error.h"

namespace burin::cli {
namespace {

constexpr int kHistoryLines = 1000;

/** The signal handler writes into it and the editor waits for it: a signal just before the wait is not lost. */
std::array<int, 2> interrupt_pipe{-1, -1};

void on_interrupt(int /*number*/) {
  const int saved = errno;
  [[maybe_unused]] const ssize_t written = ::write(interrupt_pipe[1], "", 1);
  errno = saved;
}

void open_interrupt_pipe() {
  if (interrupt_pipe[0] < 0 && ::pipe(interrupt_pipe.data()) != 0) {
    throw Error(ErrorCode::ResourceExhausted, "chat", std::string("cannot make a pipe: ") + std::strerror(errno));
  }
  for (const int fd : interrupt_pipe) {
    ::fcntl(fd, F_SETFL, O_NONBLOCK);
    ::fcntl(fd, F_SETFD, FD_CLOEXEC);
  }
}

/** Whether a signal came since the last call. */
bool take_interrupt() {
  std::array<char, 64> bytes{};
  return ::read(interrupt_pipe[0], bytes.data(), bytes.size()) > 0;
}

/** While it lives, SIGINT interrupts the editor instead of the program. */
class InterruptScope {
 public:
  InterruptScope() {
    take_interrupt();
    struct sigaction action{};
    action.sa_handler = on_interrupt;
    ::sigemptyset(&action.sa_mask);
    action.sa_flags = SA_RESTART;
    ::sigaction(SIGINT, &action, &before_);
  }
  ~InterruptScope() { ::sigaction(SIGINT, &before_, nullptr); }
  InterruptScope(const InterruptScope&) = delete;
  InterruptScope& operator=(const InterruptScope&) = delete;

 private:
  struct sigaction before_{};
};

/** One byte of the terminal; false at its end and after a signal. */
bool read_byte(int terminal, char& byte) {
  std::array<pollfd, 2> wanted{{{.fd = terminal, .events = POLLIN}, {.fd = interrupt_pipe[0], .events = POLLIN}}};
  while (::poll(wanted.data(), wanted.size(), -1) < 0) {
    if (errno != EINTR) {
      return false;
    }
  }
  return wanted[1].revents == 0 && ::read(terminal, &byte, 1) == 1;
}

/** Stands in for libedit's own reader, which does not end at a signal. */
int read_character(EditLine* editor, wchar_t* character) {
  FILE* input = nullptr;
  ::el_get(editor, EL_GETFP, 0, &input);
  std::mbstate_t state{};
  for (int bytes = 0; bytes < MB_LEN_MAX; ++bytes) {
    char byte = 0;
    if (!read_byte(::fileno(input), byte)) {
      return 0;
    }
    const size_t used = std::mbrtowc(character, &byte, 1, &state);
    if (used == static_cast<size_t>(-1)) {
      *character = L'?';
      return 1;
    }
    if (used != static_cast<size_t>(-2)) {
      return 1;
    }
  }
  return 0;
}

char* prompt_of(EditLine* editor) {
  void* text = nullptr;
  ::el_get(editor, EL_CLIENTDATA, &text);
  return static_cast<char*>(text);
}

}  // namespace

struct LineEditor::State {
  std::filesystem::path history_file;
  std::string prompt;
  History* history = nullptr;
  EditLine* editor = nullptr;
  HistEvent event{};
};

LineEditor::LineEditor(std::filesystem::path history_file) : state_(std::make_unique<State>()) {
  open_interrupt_pipe();
  State& state = *state_;
  state.history_file = std::move(history_file);
  // Editing counts characters, not bytes; numbers keep the C locale.
  if (const char* locale = std::setlocale(LC_CTYPE, ""); locale == nullptr || std::strcmp(locale, "C") == 0) {
    std::setlocale(LC_CTYPE, "C.UTF-8");
  }
  state.history = ::history_init();
  ::history(state.history, &state.event, H_SETSIZE, kHistoryLines);
  ::history(state.history, &state.event, H_SETUNIQUE, 1);
  if (!state.history_file.empty()) {
    std::error_code ignored;
    std::filesystem::create_directories(state.history_file.parent_path(), ignored);
    ::history(state.history, &state.event, H_LOAD, state.history_file.c_str());
  }
  state.editor = ::el_init("burin", stdin, stdout, stderr);
  ::el_set(state.editor, EL_EDITOR, "emacs");
  ::el_set(state.editor, EL_SIGNAL, 0);
  ::el_set(state.editor, EL_PROMPT, prompt_of);
  ::el_set(state.editor, EL_GETCFN, read_character);
  ::el_set(state.editor, EL_HIST, ::history, state.history);
  ::el_source(state.editor, nullptr);
}

LineEditor::~LineEditor() {
  ::el_end(state_->editor);
  ::history_end(state_->history);
}

LineStatus LineEditor::read(const std::string& prompt, std::string& line) {
  const InterruptScope scope;
  state_->prompt = prompt;
  ::el_set(state_->editor, EL_CLIENTDATA, state_->prompt.data());
  int count = 0;
  const char* text = ::el_gets(state_->editor, &count);
  if (take_interrupt()) {
    ::el_reset(state_->editor);
    std::fputs("\n", stdout);
    std::fflush(stdout);
    return LineStatus::Interrupted;
  }
  if (text == nullptr || count <= 0) {
    return LineStatus::End;
  }
  line.assign(text, static_cast<size_t>(count));
  line.erase(line.find_last_not_of("\r\n") + 1);
  return LineStatus::Line;
}

void LineEditor::remember(const std::string& text) {
  State& state = *state_;
  if (text.find_first_not_of(" \t\n") == std::string::npos) {
    return;
  }
  ::history(state.history, &state.event, H_ENTER, text.c_str());
  if (!state.history_file.empty()) {
    const mode_t mask = ::umask(0077);  // what one asks a model is private
    ::history(state.history, &state.event, H_SAVE, state.history_file.c_str());
    ::umask(mask);
  }
}

}  // namespace burin::cli
