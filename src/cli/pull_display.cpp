#include "cli/pull_display.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "cli/models.h"

namespace burin::cli {
namespace {

constexpr size_t kBar = 20;
constexpr auto kEventStep = std::chrono::milliseconds(500);

/** Columns of the character that begins with this byte: those of East Asia take two. */
size_t columns_of(unsigned char first) {
  return (first & 0xC0U) == 0x80 ? 0 : first >= 0xE1 ? 2 : 1;
}

size_t columns_of(const std::string& text) {
  size_t columns = 0;
  for (const char c : text) {
    columns += columns_of(static_cast<unsigned char>(c));
  }
  return columns;
}

double fraction(uint64_t done, uint64_t size) {
  return size == 0 ? 1.0 : std::min(1.0, static_cast<double>(done) / static_cast<double>(size));
}

std::string bar(double part) {
  const auto done = static_cast<size_t>(part * kBar);
  return "[" + std::string(done, '=') + std::string(kBar - done, ' ') + "]";
}

/** `left` in what `right` leaves of the line, or alone where that is too little. */
std::string line(const std::string& left, const std::string& right, size_t columns) {
  // The last column makes some terminals wrap, and Ctrl-C is echoed as ^C behind the line.
  const size_t width = columns > 3 ? columns - 3 : 0;
  const size_t taken = columns_of(right) + 1;
  if (taken + 8 > width) {
    return fit_columns(right, width);
  }
  const std::string name = fit_columns(left, width - taken);
  return name + std::string(width - taken - columns_of(name) + 1, ' ') + right;
}

}  // namespace

std::string fit_columns(const std::string& text, size_t columns) {
  if (columns_of(text) <= columns) {
    return text;
  }
  const size_t room = columns > 2 ? columns - 2 : 0;
  size_t begin = text.size();
  size_t used = 0;
  for (size_t i = text.size(); i-- > 0;) {
    const size_t width = columns_of(static_cast<unsigned char>(text[i]));
    if (used + width > room) {
      break;
    }
    used += width;
    begin = width > 0 ? i : begin;
  }
  return std::string(std::min<size_t>(2, columns), '.') + text.substr(begin);
}

std::string time_left(uint64_t bytes, double bytes_per_s) {
  if (bytes_per_s < 1) {
    return "-";
  }
  const auto seconds = static_cast<uint64_t>(std::min(std::ceil(static_cast<double>(bytes) / bytes_per_s), 3.6e8));
  return seconds < 3600 ? fmt::format("{}:{:02}", seconds / 60, seconds % 60)
                        : fmt::format("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
}

std::string progress_bars(const hub::PullProgress& progress, const ScreenSize& screen) {
  std::string text;
  const size_t room = screen.rows > 2 ? screen.rows - 2 : 0;
  for (size_t i = 0; i < std::min(room, progress.running.size()); ++i) {
    const hub::FileProgress& file = progress.running[i];
    const double part = fraction(file.done, file.size);
    text += line(escape_controls(file.path),
                 fmt::format("{} {:3.0f}% {:>8}", bar(part), 100 * part, size_text(file.size)), screen.columns) +
            "\n";
  }
  const double part = fraction(progress.bytes_done, progress.bytes_total);
  const uint64_t rest = progress.bytes_total - std::min(progress.bytes_done, progress.bytes_total);
  return text + line(fmt::format("{}/{} files, {} left", progress.files_done, progress.files_total,
                                 time_left(rest, progress.bytes_per_s)),
                     fmt::format("{}/s {} {:3.0f}% {:>8}", size_text(static_cast<uint64_t>(progress.bytes_per_s)),
                                 bar(part), 100 * part, size_text(progress.bytes_total)),
                     screen.columns);
}

hub::PullListener PullDisplay::listener() {
  return {.on_plan = [this](const auto& model, const auto& commit, const auto& files) { plan(model, commit, files); },
          .on_file = [this](const auto& done) { file(done); },
          .on_progress = [this](const auto& now) { progress(now); },
          .on_note = [this](const auto& text) { note(text); }};
}

void PullDisplay::event(const std::string& name, const Json& fields) {
  if (style_ == PullStyle::JsonLines) {
    Json line{{"event", name}};
    line.update(fields);
    output_.print(dump_json(line) + "\n");
  }
}

void PullDisplay::plan(const std::string& model, const std::string& commit, const std::vector<hub::PulledFile>& files) {
  uint64_t bytes = 0;
  uint64_t wanted = 0;
  size_t missing = 0;
  for (const hub::PulledFile& entry : files) {
    bytes += entry.size;
    wanted += entry.missing();
    missing += entry.to_fetch ? 1 : 0;
  }
  event("plan", {{"model", model},
                 {"commit_hash", commit},
                 {"files", files.size()},
                 {"files_missing", missing},
                 {"bytes_total", bytes},
                 {"bytes_missing", wanted}});
  if (style_ == PullStyle::People) {
    output_.note(fmt::format("{} at {}: {} {}, {}; {} to fetch, {}", model, commit.substr(0, 7), files.size(),
                             files.size() == 1 ? "file" : "files", size_text(bytes), missing, size_text(wanted)));
  }
}

void PullDisplay::file(const hub::PulledFile& done) {
  event("file", {{"name", done.path}, {"size_bytes", done.size}, {"cached", done.was_cached}});
  if (style_ == PullStyle::People && !output_.redraws()) {
    output_.note(fmt::format("{} {}", done.path, done.was_cached ? "linked" : size_text(done.size)));
  }
}

void PullDisplay::progress(const hub::PullProgress& now) {
  if (style_ == PullStyle::People && output_.redraws()) {
    output_.progress(progress_bars(now, screen_size(STDERR_FILENO)));
  }
  const auto time = std::chrono::steady_clock::now();
  if (style_ != PullStyle::JsonLines || time < next_event_) {
    return;
  }
  next_event_ = time + kEventStep;
  Json running = Json::array();
  for (const hub::FileProgress& entry : now.running) {
    running.push_back({{"name", entry.path}, {"bytes_done", entry.done}, {"bytes_total", entry.size}});
  }
  event("progress", {{"bytes_done", now.bytes_done},
                     {"bytes_total", now.bytes_total},
                     {"files_done", now.files_done},
                     {"files_total", now.files_total},
                     {"bytes_per_second", std::round(now.bytes_per_s)},
                     {"running", running}});
}

void PullDisplay::note(const std::string& text) {
  event("note", {{"message", text}});
  if (style_ == PullStyle::People) {
    output_.note(text);
  }
}

}  // namespace burin::cli
