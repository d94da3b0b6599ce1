#include "cli/pull_display.h"

#include <sstream>

#include <gtest/gtest.h>

namespace burin::cli {
namespace {

std::vector<std::string> lines_of(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> lines;
  for (std::string line; std::getline(stream, line);) {
    lines.push_back(line);
  }
  return lines;
}

hub::PullProgress half_done() {
  return {.bytes_done = 600,
          .bytes_total = 1200,
          .files_done = 1,
          .files_total = 3,
          .bytes_per_s = 60,
          .running = {{.path = "model-00001-of-00002.safetensors", .done = 250, .size = 1000},
                      {.path = "a.json", .done = 0, .size = 0}}};
}

TEST(ProgressBars, ShowEachFileAndAll) {
  const auto lines = lines_of(progress_bars(half_done(), {.columns = 80, .rows = 24}));
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_EQ(lines[0], "model-00001-of-00002.safetensors         [=====               ]  25%    1.0kB");
  EXPECT_EQ(lines[1], "a.json                                   [====================] 100%       0B");
  EXPECT_EQ(lines[2], "1/3 files, 0:10 left               60B/s [==========          ]  50%    1.2kB");
}

TEST(ProgressBars, StayOnTheScreen) {
  for (const size_t columns : {1U, 10U, 39U, 50U, 200U}) {
    for (const size_t rows : {1U, 2U, 3U, 24U}) {
      const auto lines = lines_of(progress_bars(half_done(), {.columns = columns, .rows = rows}));
      EXPECT_LE(lines.size(), std::max<size_t>(1, rows - 1));
      for (const std::string& line : lines) {
        EXPECT_LE(line.size() + 2, std::max<size_t>(columns, 2)) << "^C has no room behind it";
      }
    }
  }
}

TEST(ProgressBars, NeverShowMoreThanAll) {
  hub::PullProgress odd{.bytes_done = 10, .bytes_total = 5, .running = {{.path = "x", .done = 9, .size = 3}}};
  const std::string text = progress_bars(odd, {});
  EXPECT_NE(text.find("100%"), std::string::npos);
  EXPECT_EQ(text.find("300%"), std::string::npos);
}

TEST(Columns, AreCutAtTheFront) {
  EXPECT_EQ(fit_columns("short", 5), "short");
  EXPECT_EQ(fit_columns("sub/model.bin", 9), "..del.bin");
  EXPECT_EQ(fit_columns("東京.json", 7), "...json");
  EXPECT_EQ(fit_columns("éé.json", 7), "éé.json");
  EXPECT_EQ(fit_columns("abc", 0), "");
  EXPECT_EQ(fit_columns("abc", 1), ".");
}

TEST(TimeLeft, IsShort) {
  EXPECT_EQ(time_left(100, 0), "-");
  EXPECT_EQ(time_left(100, 10), "0:10");
  EXPECT_EQ(time_left(101, 10), "0:11");
  EXPECT_EQ(time_left(75'000, 100), "12:30");
  EXPECT_EQ(time_left(3'723'000, 1000), "1:02:03");
  EXPECT_EQ(time_left(UINT64_MAX, 1), "100000:00:00");
}

}  // namespace
}  // namespace burin::cli
