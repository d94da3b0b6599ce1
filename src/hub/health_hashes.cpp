#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <set>
#include <thread>
#include <tuple>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "hub/digest.h"
#include "hub/health_checks.h"

namespace burin::hub {
namespace {

constexpr size_t kBlock = size_t{4} << 20;
constexpr auto kProgressEvery = std::chrono::milliseconds(100);

struct HashJob {
  std::string file;
  std::string etag;
  uint64_t size_bytes = 0;
  std::string found;    // the hash its bytes have
  std::string problem;  // why they could not be read
};

/** Hashes the jobs, the largest first, on some threads; the caller's own shows progress. */
class HashRun {
 public:
  HashRun(const HealthSubject& subject, std::vector<HashJob>& jobs) : subject_(subject), jobs_(jobs) {
    std::ranges::sort(jobs_, std::ranges::greater(), &HashJob::size_bytes);
    for (const HashJob& job : jobs_) {
      total_ += job.size_bytes;
    }
  }

  /** Throws: Cancelled. */
  uint64_t run() {
    unsigned count = subject_.options.threads > 0 ? subject_.options.threads : std::thread::hardware_concurrency();
    count = static_cast<unsigned>(std::clamp<size_t>(jobs_.size(), 1, std::max(1U, count)));
    {
      std::vector<std::jthread> threads;
      for (unsigned i = 0; i < count; ++i) {
        threads.emplace_back([this] { work(); });
      }
      wait(count);
    }
    if (cancelled()) {
      throw Error(ErrorCode::Cancelled, "health", "interrupted");
    }
    return done_;
  }

 private:
  bool cancelled() const { return subject_.options.cancelled != nullptr && *subject_.options.cancelled; }

  void work() {
    std::vector<std::byte> block(kBlock);
    while (!cancelled()) {
      const size_t i = next_++;
      if (i >= jobs_.size()) {
        break;
      }
      try {
        hash(jobs_[i], block);
      } catch (const Error& error) {
        jobs_[i].problem = error.message();
      }
    }
    const std::lock_guard lock(mutex_);
    ++finished_;
    changed_.notify_one();
  }

  void hash(HashJob& job, std::vector<std::byte>& block) {
    const InputFile file(subject_.folder.dir() / job.file);
    Digest digest(digest_kind(job.etag), file.size());
    for (uint64_t at = 0; at < file.size() && !cancelled(); at += block.size()) {
      const std::span part = std::span(block).first(std::min<uint64_t>(block.size(), file.size() - at));
      file.read_at(at, part);
      digest.update(part);
      done_ += part.size();
    }
    job.found = digest.hex();
  }

  void wait(unsigned count) {
    std::unique_lock lock(mutex_);
    while (!changed_.wait_for(lock, kProgressEvery, [&] { return finished_ == count; })) {
      if (subject_.options.on_progress && !cancelled()) {
        lock.unlock();
        subject_.options.on_progress(done_, total_);
        lock.lock();
      }
    }
  }

  const HealthSubject& subject_;
  std::vector<HashJob>& jobs_;
  uint64_t total_ = 0;
  std::atomic<size_t> next_ = 0;
  std::atomic<uint64_t> done_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
  unsigned finished_ = 0;
};

/** The files whose hash is known, each content once; the others become findings. */
std::vector<HashJob> jobs_of(const HealthSubject& subject) {
  std::vector<HashJob> jobs;
  std::set<std::tuple<uint64_t, uint64_t, std::string>> seen;
  for (const ModelFile& file : subject.folder.files()) {
    if (!file.readable) {
      subject.corrupt(file.name, "broken_link", "a broken link or no regular file");
      continue;
    }
    const std::string etag = expected_etag(subject, file.name);
    if (etag.empty()) {
      subject.findings.add(
          {Verdict::Unverifiable, file.name, "no_hash", "nothing says which hash its content should have", {}, {}});
    } else if (seen.emplace(file.device, file.inode, etag).second) {
      jobs.push_back({.file = file.name, .etag = etag, .size_bytes = file.size_bytes, .found = {}, .problem = {}});
    }
  }
  return jobs;
}

}  // namespace

uint64_t check_hashes(const HealthSubject& subject) {
  std::vector<HashJob> jobs = jobs_of(subject);
  const uint64_t hashed = HashRun(subject, jobs).run();
  std::ranges::sort(jobs, {}, &HashJob::file);
  for (const HashJob& job : jobs) {
    if (!job.problem.empty()) {
      subject.corrupt(job.file, "unreadable", job.problem);
    } else if (job.found != job.etag) {
      subject.findings.add(
          {Verdict::Corrupt, job.file, "hash_mismatch", "its content is not what its hash says", job.etag, job.found});
    }
  }
  return hashed;
}

}  // namespace burin::hub
