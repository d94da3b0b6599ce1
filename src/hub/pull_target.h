// Where the files of a pull go: the shared cache, or a folder of plain files.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hub/repo_files.h"

namespace burin::hub {

/** One commit of one repository there. Threads: any, after open(). */
class PullTarget {
 public:
  virtual ~PullTarget() = default;

  /** What holds the files under their own names. */
  virtual std::filesystem::path snapshot_dir() const = 0;
  /** Where contents grow, and get the names of their hashes. */
  virtual std::filesystem::path blobs_dir() const = 0;
  /** What to lock while a file is brought; the folder that it lies in is there then. */
  virtual std::filesystem::path lock_file(const RepoFile& file) = 0;

  /** The file is there, whole as far as its size and the notes about it tell. */
  virtual bool has_file(const RepoFile& file) const = 0;
  /** Something lies in the file's place that no pull brought and that is not what it would bring. */
  virtual bool is_foreign(const RepoFile& file) const = 0;
  /** The content, where it is at hand without the network. */
  virtual std::optional<std::filesystem::path> content(const RepoFile& file) const = 0;
  /** The commit's listing, where it was kept and can be used. */
  virtual std::optional<std::vector<RepoFile>> read_tree() const = 0;

  /** Makes the folders. Throws: Permission, ResourceExhausted. */
  virtual void open() = 0;
  /** A content that is at hand, and known to have this hash, to where contents grow. */
  virtual void write_blob(const std::string& etag, std::string_view content) = 0;
  /** Puts the file in its place; `fetched`: its content has just come into blobs_dir(). */
  virtual void place(const RepoFile& file, bool fetched) = 0;
  virtual void write_tree(const std::vector<RepoFile>& files) = 0;
  /** Remembers which commit the revision named. */
  virtual void write_ref() = 0;
  /** Remembers that a file is not there at this commit. */
  virtual void write_no_exist(const std::string& path) = 0;
};

}  // namespace burin::hub
