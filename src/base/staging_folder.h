// A folder that is filled out of sight and appears under its name complete, or not at all.
#pragma once

#include <filesystem>

namespace burin {

/**
 * A new folder beside `target`, removed again unless `commit` renames it to `target`. Its name is the target's with
 * ".importing-" and the process number; it stays locked while it lives, so that what a killed process left beside
 * `target` is told from work in progress, and removed.
 * Throws: Permission (not writable, or `target` came up meanwhile).
 */
class StagingFolder {
 public:
  explicit StagingFolder(const std::filesystem::path& target);
  ~StagingFolder();
  StagingFolder(const StagingFolder&) = delete;
  StagingFolder& operator=(const StagingFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  void commit();

 private:
  std::filesystem::path target_;
  std::filesystem::path path_;
  int lock_ = -1;
};

}  // namespace burin
