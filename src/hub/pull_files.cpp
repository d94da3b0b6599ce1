#include "hub/pull_files.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <exception>
#include <map>
#include <memory>
#include <mutex>
#include <thread>

#include <fmt/format.h>

#include "hub/cache_lock.h"
#include "hub/download.h"

namespace burin::hub {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kTick = std::chrono::milliseconds(100);
constexpr double kRateWindowSeconds = 3;

enum class Stage { Waiting, Running, Done };

struct Task {
  WantedFile wanted;
  DownloadCounters counters;
  std::atomic<Stage> stage{Stage::Waiting};

  explicit Task(WantedFile file) : wanted(std::move(file)) {}
};

/** What the threads share. */
class Crew {
 public:
  Crew(PullTarget& target, const PullFiles& context, std::vector<WantedFile> wanted, const std::atomic<bool>& cancel)
      : target_(target), context_(context), cancel_(cancel) {
    // Large files first, so that the last one to end is a small one.
    std::ranges::stable_sort(wanted, std::ranges::greater(), [](const WantedFile& w) { return w.file.content_size(); });
    for (WantedFile& file : wanted) {
      tasks_.emplace_back(std::move(file));
    }
  }

  uint64_t run(const PullListener& listener);

 private:
  void work();
  void run_task(HubClient& client, Task& task);
  void help_others(HubClient& client);
  void fetch(HubClient& client, Task& task);
  void watch(const PullListener& listener);
  void report(const PullListener& listener);
  PullProgress progress();
  void note(std::string text);
  void fail();

  PullTarget& target_;
  const PullFiles& context_;
  const std::atomic<bool>& cancel_;
  std::deque<Task> tasks_;
  std::atomic<size_t> next_{0};
  std::atomic<bool> stop_{false};

  std::mutex mutex_;
  std::condition_variable changed_;
  int working_ = 0;
  std::vector<std::string> notes_;
  std::vector<const Task*> finished_;
  size_t done_ = 0;
  std::map<const Task*, std::shared_ptr<LargeDownload>> large_;  // that run now
  std::exception_ptr failure_ = nullptr;
  std::deque<std::pair<Clock::time_point, uint64_t>> history_;
};

void Crew::note(std::string text) {
  const std::lock_guard lock(mutex_);
  notes_.push_back(std::move(text));
}

void Crew::fail() {
  const std::lock_guard lock(mutex_);
  // Others end with "interrupted" because the first one failed.
  failure_ = failure_ ? failure_ : std::current_exception();
  stop_ = true;
}

void Crew::work() {
  try {
    ClientOptions options = context_.client;
    options.on_retry = [this](const std::string& text) { note(text); };
    HubClient client(options, stop_);
    for (size_t index = next_++; !stop_ && index < tasks_.size(); index = next_++) {
      run_task(client, tasks_[index]);
    }
    help_others(client);
  } catch (...) {
    fail();
  }
  const std::lock_guard lock(mutex_);
  --working_;
  changed_.notify_all();
}

void Crew::help_others(HubClient& client) {
  while (!stop_) {
    std::vector<std::shared_ptr<LargeDownload>> running;
    {
      std::unique_lock lock(mutex_);
      changed_.wait_for(lock, kTick, [this] { return done_ == tasks_.size() || stop_; });
      for (const auto& [task, download] : large_) {
        running.push_back(download);
      }
      if (done_ == tasks_.size()) {
        return;
      }
    }
    for (const auto& download : running) {
      download->help(client);
    }
  }
}

void Crew::run_task(HubClient& client, Task& task) {
  task.stage = Stage::Running;
  const RepoFile& file = task.wanted.file;
  {
    const CacheLock lock(target_.lock_file(file), stop_,
                         [&] { note(fmt::format("{}: another program fetches it; waiting", file.path)); });
    // Somebody else may have brought it while we waited.
    if (task.wanted.replace || !target_.has_file(file)) {
      const bool damaged = task.wanted.replace && task.wanted.fetch;
      const bool absent = damaged || !target_.content(file);
      if (absent) {
        fetch(client, task);
      }
      target_.place(file, absent);
    }
  }
  task.counters.done = file.content_size();
  task.stage = Stage::Done;
  const std::lock_guard guard(mutex_);
  finished_.push_back(&task);
  ++done_;
  changed_.notify_all();
}

void Crew::fetch(HubClient& client, Task& task) {
  const RepoFile& file = task.wanted.file;
  const BlobJob job{.subject = subject_of(context_, file),
                    .place = {.blobs_dir = target_.blobs_dir(),
                              .state_dir = context_.state_dir,
                              .etag = file.etag(),
                              .size = file.content_size()},
                    .write_small = [&](std::string_view content) { target_.write_blob(file.etag(), content); }};
  try {
    download_blob(client, job, task.counters, [&](std::shared_ptr<LargeDownload> download) {
      const std::lock_guard lock(mutex_);
      download ? large_.insert_or_assign(&task, std::move(download)) : std::pair(large_.end(), large_.erase(&task) > 0);
      changed_.notify_all();
    });
  } catch (const Error& error) {
    if (error.type() == "file_not_found") {
      target_.write_no_exist(file.path);
    }
    throw;
  }
}

PullProgress Crew::progress() {
  PullProgress result;
  for (const Task& task : tasks_) {
    if (!task.wanted.fetch) {
      continue;
    }
    const uint64_t size = task.wanted.file.content_size();
    const uint64_t done = std::min<uint64_t>(task.counters.done, size);
    const Stage stage = task.stage;
    result.bytes_total += size;
    result.bytes_done += done;
    result.files_total += 1;
    result.files_done += stage == Stage::Done ? 1 : 0;
    if (stage == Stage::Running) {
      result.running.push_back({.path = task.wanted.file.path, .done = done, .size = size});
    }
  }
  const auto now = Clock::now();
  history_.emplace_back(now, result.bytes_done);
  while (history_.size() > 2 &&
         std::chrono::duration<double>(now - history_.front().first).count() > kRateWindowSeconds) {
    history_.pop_front();
  }
  const double seconds = std::chrono::duration<double>(now - history_.front().first).count();
  const uint64_t before = history_.front().second;
  result.bytes_per_s =
      seconds > 0 && result.bytes_done > before ? static_cast<double>(result.bytes_done - before) / seconds : 0;
  return result;
}

void Crew::report(const PullListener& listener) {
  std::vector<std::string> notes;
  std::vector<const Task*> finished;
  {
    const std::lock_guard lock(mutex_);
    notes.swap(notes_);
    finished.swap(finished_);
  }
  for (const std::string& text : notes) {
    listener.on_note(text);
  }
  for (const Task* task : finished) {
    listener.on_file({.path = task->wanted.file.path,
                      .size = task->wanted.file.content_size(),
                      .etag = task->wanted.file.etag(),
                      .was_cached = !task->wanted.fetch});
  }
  listener.on_progress(progress());
}

void Crew::watch(const PullListener& listener) {
  bool working = true;
  while (working) {
    {
      std::unique_lock lock(mutex_);
      working = !changed_.wait_for(lock, kTick, [this] { return working_ == 0; });
    }
    if (cancel_) {
      stop_ = true;
    }
    report(listener);
  }
}

uint64_t Crew::run(const PullListener& listener) {
  std::vector<std::thread> threads;
  // One thread a file, and some more to help with large ones.
  const size_t useful = tasks_.size() + (tasks_.empty() ? 0 : static_cast<size_t>(SplitPolicy().helpers));
  const size_t count = std::min(useful, static_cast<size_t>(std::max(1, context_.jobs)));
  working_ = static_cast<int>(count);
  threads.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    threads.emplace_back([this] { work(); });
  }
  std::exception_ptr thrown = nullptr;
  try {
    watch(listener);
  } catch (...) {
    thrown = std::current_exception();  // of the listener; the threads end before it goes on
    stop_ = true;
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  if (thrown || failure_) {
    std::rethrow_exception(thrown ? thrown : failure_);
  }
  if (cancel_) {
    throw Error(ErrorCode::Cancelled, "pull", "interrupted");
  }
  uint64_t received = 0;
  for (const Task& task : tasks_) {
    received += task.counters.received;
  }
  return received;
}

}  // namespace

HubSubject subject_of(const PullFiles& context, const RepoFile& file) {
  return {.repo = context.repo,
          .revision = context.commit,
          .file = file.path,
          .endpoint = context.client.settings.endpoint,
          .with_token = !context.client.token.empty()};
}

uint64_t pull_files(PullTarget& target, const PullFiles& context, std::vector<WantedFile> wanted,
                    const std::atomic<bool>& cancel, const PullListener& listener) {
  return Crew(target, context, std::move(wanted), cancel).run(listener);
}

}  // namespace burin::hub
