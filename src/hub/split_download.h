// One large file over several connections at once. It begins as one stream; when that is slow and others have nothing
// to do, they take pieces of what is ahead. What is written ahead of the first hole stays bounded, as a kill loses it.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <span>

namespace burin::hub {

/** When more connections pay. */
struct SplitPolicy {
  uint64_t piece = uint64_t{8} << 20;
  uint64_t ahead = uint64_t{56} << 20;       // of the first hole, at most
  uint64_t least_rest = uint64_t{48} << 20;  // worth it
  double slow_bytes_per_s = 100e6;           // one connection that is faster needs no help
  std::chrono::milliseconds after{1500};
  int helpers = 3;
};

struct Piece {
  uint64_t begin = 0;
  uint64_t end = 0;
};

/** Which bytes of a file are there, are on their way and are left. Threads: any. */
class SplitDownload {
 public:
  SplitDownload(uint64_t have, uint64_t size, const SplitPolicy& policy);

  /** For the owner: the end of its stream, which moves once others help. */
  uint64_t stream_end() const { return stream_end_; }
  /** Bytes from `begin` are written up to `at`. Returns up to where nothing lacks. */
  uint64_t written(uint64_t begin, uint64_t at);
  uint64_t total() const;

  /** For a helper: true when it may begin, and must leave() then. */
  bool enter();
  void leave();
  /** The next piece to fetch; none when there is none, or when `wait` is false and the next is too far ahead. */
  std::optional<Piece> claim(bool wait);
  /** What a helper claimed and did not bring. Nobody else is let in after that. */
  void give_back(Piece piece);
  bool is_closed() const { return closed_; }
  /** For the owner: helpers leave, nobody enters any more. Returns when all have left. */
  void close();
  bool is_split() const { return split_; }
  /** Called once, before the first helper writes. */
  std::function<void()> on_split;

 private:
  uint64_t front() const;
  bool pays() const;

  const uint64_t start_;
  const uint64_t size_;
  const SplitPolicy policy_;
  const std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::map<uint64_t, uint64_t> extents_;  // begin -> end of what is written
  std::deque<Piece> returned_;
  std::atomic<uint64_t> stream_end_;
  uint64_t next_;  // from here on nobody has claimed anything
  int helpers_ = 0;
  bool helped_in_vain_ = false;
  std::atomic<bool> split_{false};
  std::atomic<bool> closed_{false};
};

}  // namespace burin::hub
