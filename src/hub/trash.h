// A folder out of every client's sight where something is deleted in peace; locked while its maker lives.
#pragma once

#include <filesystem>
#include <optional>
#include <vector>

#include "hub/lock_state.h"

namespace burin::hub {

/** `<parent>/.trash-<nonce>`, made now. What is in it stays for a later removal when it is not emptied. */
class Trash {
 public:
  /** Throws: Permission. */
  explicit Trash(const std::filesystem::path& parent);

  /** One rename of `from` to `place` inside. Throws: NotFound, Permission, Internal. */
  void take(const std::filesystem::path& from, const std::filesystem::path& place) const;
  /** Deletes everything; what cannot be deleted stays. */
  void empty() const;

  const std::filesystem::path& path() const { return path_; }

 private:
  friend std::vector<Trash> left_trash(const std::filesystem::path& parent);
  Trash(std::filesystem::path path, HeldLock lock) : path_(std::move(path)), lock_(std::move(lock)) {}

  std::filesystem::path path_;
  std::optional<HeldLock> lock_;
};

/** Those that processes left which are no more. */
std::vector<Trash> left_trash(const std::filesystem::path& parent);

}  // namespace burin::hub
