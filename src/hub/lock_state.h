// Locks of downloads as this and other processes hold them (flock, as Python's filelock does).
#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace burin::hub {

/** A process that holds a lock; pid 0 where the system does not say which. */
struct LockHolder {
  int pid = 0;
  std::string program;
};

/** Who holds the lock on a file, or nobody; a file that is not there is not locked. Nothing is created or changed. */
std::optional<LockHolder> lock_holder(const std::filesystem::path& file);

/** "process 1234 (python3)". */
std::string describe(const LockHolder& holder);

/** A lock of our own on a file or folder that is there; free again when it goes. */
class HeldLock {
 public:
  /** Nothing when another process holds it, or the file is gone. */
  static std::optional<HeldLock> try_take(const std::filesystem::path& file);
  /** The same for a lock file that is made where it is not there yet, as other clients make theirs. */
  static std::optional<HeldLock> create(const std::filesystem::path& file);
  ~HeldLock();
  HeldLock(HeldLock&& other) noexcept;
  HeldLock& operator=(HeldLock&&) = delete;
  HeldLock(const HeldLock&) = delete;
  HeldLock& operator=(const HeldLock&) = delete;

 private:
  explicit HeldLock(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace burin::hub
