// What a pull shows while it runs: bars on a terminal, plain lines elsewhere, JSON lines for programs.
#pragma once

#include <chrono>
#include <string>

#include "base/json.h"
#include "cli/output.h"
#include "hub/pull.h"

namespace burin::cli {

/** One bar for each running file and one for all, none wider than the screen and not more than it has rows. */
std::string progress_bars(const hub::PullProgress& progress, const ScreenSize& screen);

/** Seconds as 0:05, 12:34 or 1:02:03; "-" when the rate is not known. */
std::string time_left(uint64_t bytes, double bytes_per_s);

/** `text` in at most `columns` columns, cut at its front, where paths differ least. */
std::string fit_columns(const std::string& text, size_t columns);

enum class PullStyle { Silent, People, JsonLines };

class PullDisplay {
 public:
  PullDisplay(Output& output, PullStyle style) : output_(output), style_(style) {}

  hub::PullListener listener();
  /** One line of JSON; nothing in another style. */
  void event(const std::string& name, const Json& fields);

 private:
  void plan(const std::string& model, const std::string& commit, const std::vector<hub::PulledFile>& files);
  void file(const hub::PulledFile& file);
  void progress(const hub::PullProgress& progress);
  void note(const std::string& text);

  Output& output_;
  PullStyle style_;
  std::chrono::steady_clock::time_point next_event_{};
};

}  // namespace burin::cli
