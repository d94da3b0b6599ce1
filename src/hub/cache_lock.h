// Locks that Hugging Face's Python client takes and waits for too: flock on an empty file that stays.
#pragma once

#include <atomic>
#include <filesystem>
#include <functional>

namespace burin::hub {

/**
 * Held while it lives. It saves bandwidth only: where a file system does not support flock, nothing is locked and
 * everything stays right, as content moves into place by renaming.
 * Source: filelock's UnixFileLock, huggingface_hub's WeakFileLock.
 */
class CacheLock {
 public:
  /** Waits until it is free, and calls `on_wait` every ten seconds. Throws: Cancelled, Permission. */
  CacheLock(const std::filesystem::path& file, const std::atomic<bool>& cancel, const std::function<void()>& on_wait);
  ~CacheLock();
  CacheLock(const CacheLock&) = delete;
  CacheLock& operator=(const CacheLock&) = delete;

 private:
  int fd_ = -1;
};

}  // namespace burin::hub
