// Hashes a growing file in a thread of its own, behind what is written, and flushes it piece by piece on the way.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <mutex>
#include <string>
#include <thread>

#include "hub/digest.h"

namespace burin::hub {

class HashFollower {
 public:
  HashFollower(int fd, DigestKind kind, uint64_t size);
  ~HashFollower();
  HashFollower(const HashFollower&) = delete;
  HashFollower& operator=(const HashFollower&) = delete;

  /** The file is written up to here without a hole. */
  void advance(uint64_t written);
  /** So much of the beginning is on the disk. */
  uint64_t durable() const { return durable_; }
  /** Waits for the end of the file and returns the hash of all of it. Throws: what reading it did. */
  std::string finish();

 private:
  void work();
  void hash_to(uint64_t end);

  int fd_;
  uint64_t size_;
  Digest digest_;
  uint64_t hashed_ = 0;
  std::atomic<uint64_t> durable_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
  uint64_t written_ = 0;
  bool stop_ = false;
  std::exception_ptr failure_ = nullptr;
  std::thread thread_;
};

}  // namespace burin::hub
