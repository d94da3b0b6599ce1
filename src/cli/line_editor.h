// One edited line from the terminal, with a history that outlives the program.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

namespace burin::cli {

enum class LineStatus { Line, Interrupted, End };

class LineEditor {
 public:
  /** `history_file` may be empty; its folder is made, for this user only. */
  explicit LineEditor(std::filesystem::path history_file);
  ~LineEditor();
  LineEditor(const LineEditor&) = delete;
  LineEditor& operator=(const LineEditor&) = delete;

  /** The next line without its end. Interrupted: Ctrl-C, the line is gone; End: Ctrl-D or no more input. */
  LineStatus read(const std::string& prompt, std::string& line);
  /** Adds to the history and its file. */
  void remember(const std::string& text);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace burin::cli
