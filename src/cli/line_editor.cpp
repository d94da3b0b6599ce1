#include "cli/line_editor.h"

#include <histedit.h>
#include <sys/stat.h>
#include <unistd.h>

#include <climits>
#include <clocale>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <cwchar>

namespace burin::cli {
namespace {

constexpr int kHistoryLines = 1000;

volatile std::sig_atomic_t interrupted = 0;

void on_interrupt(int /*number*/) {
  interrupted = 1;
}

char* prompt_of(EditLine* editor) {
  void* text = nullptr;
  ::el_get(editor, EL_CLIENTDATA, &text);
  return static_cast<char*>(text);
}

/** One character from the terminal; -1 after a signal, where libedit's own function would read on. */
int read_character(EditLine* editor, wchar_t* character) {
  FILE* input = nullptr;
  ::el_get(editor, EL_GETFP, 0, &input);
  std::mbstate_t state{};
  for (int bytes = 0; bytes < MB_LEN_MAX; ++bytes) {
    char byte = 0;
    const ssize_t n = ::read(::fileno(input), &byte, 1);
    if (n <= 0) {
      return static_cast<int>(n);
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
  return -1;
}

/** While it lives, SIGINT ends a blocking read instead of the program. */
class InterruptibleRead {
 public:
  InterruptibleRead() {
    interrupted = 0;
    struct sigaction action{};
    action.sa_handler = on_interrupt;
    ::sigemptyset(&action.sa_mask);
    ::sigaction(SIGINT, &action, &before_);
  }
  ~InterruptibleRead() { ::sigaction(SIGINT, &before_, nullptr); }
  InterruptibleRead(const InterruptibleRead&) = delete;
  InterruptibleRead& operator=(const InterruptibleRead&) = delete;

 private:
  struct sigaction before_{};
};

}  // namespace

struct LineEditor::State {
  std::filesystem::path history_file;
  std::string prompt;
  History* history = nullptr;
  EditLine* editor = nullptr;
  HistEvent event{};
};

LineEditor::LineEditor(std::filesystem::path history_file) : state_(std::make_unique<State>()) {
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
  const InterruptibleRead scope;
  state_->prompt = prompt;
  ::el_set(state_->editor, EL_CLIENTDATA, state_->prompt.data());
  int count = 0;
  const char* text = ::el_gets(state_->editor, &count);
  if (interrupted != 0) {
    ::el_reset(state_->editor);
    ::write(STDOUT_FILENO, "\n", 1);
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
