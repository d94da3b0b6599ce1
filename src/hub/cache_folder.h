// Folders of the cache opened step by step, so that no symlink below a repository leads a write somewhere else.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>

namespace burin::hub {

/** An open folder. */
class Folder {
 public:
  /** Follows symlinks, as users move their caches by one. Throws: Permission, Internal. */
  explicit Folder(const std::filesystem::path& path);
  ~Folder();
  Folder(Folder&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Folder& operator=(Folder&&) = delete;

  /** A folder below, one component after another, none of them a symlink; made where it lacks. Throws: Permission. */
  Folder below(std::string_view path) const;
  int fd() const { return fd_; }
  /** What was renamed into it survives a power loss from here on; best effort. */
  void sync() const;

 private:
  explicit Folder(int fd) : fd_(fd) {}
  int fd_;
};

/** A new file of `mode` (the umask taken off) with `content`, moved to `name` in `target` in one step. */
void place_file(const Folder& root, const Folder& target, const std::string& name, std::string_view content, int mode);

/** A symlink to `content`, likewise; false where the file system has none. */
bool place_link(const Folder& root, const Folder& target, const std::string& name, const std::string& content);

/** A name for something unfinished in a repository's folder; those of processes that ended are removed. */
std::string temporary_name();
void remove_leftovers(const Folder& root, const std::filesystem::path& path);

}  // namespace burin::hub
