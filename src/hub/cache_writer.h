// Writing the cache so that every other client reads it at every instant: content first, under the name of its hash,
// then the link to it, then the listing, and the branch's name last.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "hub/cache_folder.h"
#include "hub/repo_files.h"

namespace burin::hub {

/** One commit of one repository in the cache. Threads: any, after open(). */
class CacheWriter {
 public:
  struct Place {
    std::filesystem::path hub_cache;
    std::string repo;
    std::string commit;
    std::string revision;  // what refs/ will name; the commit itself needs no ref
    bool symlinks = true;
  };

  explicit CacheWriter(Place place);

  std::filesystem::path snapshot_dir() const { return dir_ / "snapshots" / place_.commit; }
  std::filesystem::path blobs_dir() const { return dir_ / "blobs"; }
  std::filesystem::path lock_file(const std::string& etag) const { return locks_ / (etag + ".lock"); }

  /** The snapshot has the file, whole as far as its size tells. */
  bool has_file(const RepoFile& file) const;
  bool has_blob(const std::string& etag, uint64_t size) const;
  /** trees/<commit>.json, where it can be used. */
  std::optional<std::vector<RepoFile>> read_tree() const;
  /** What refs/ says of the revision. */
  std::optional<std::string> read_ref() const;

  /** Makes the folders, all at once where the repository is new. Throws: Permission, ResourceExhausted. */
  void open();
  /** A blob that is at hand, and known to have this hash. */
  void write_blob(const std::string& etag, std::string_view content);
  /** The link from the snapshot to the blob; without symlinks the blob itself when it is new, else a copy. */
  void link(const RepoFile& file, const std::string& etag, bool new_blob);
  void write_tree(const std::vector<RepoFile>& files);
  void write_ref();
  /** Remembers that a file is not there at this commit. */
  void write_no_exist(const std::string& path);

 private:
  void make_skeleton() const;
  void write_tag() const;
  void place_content(const std::filesystem::path& blob, const Folder& folder, const std::string& name, bool new_blob);

  Place place_;
  std::filesystem::path dir_;
  std::filesystem::path locks_;  // of this repository
  std::optional<Folder> root_;
};

/** A revision that may become part of a path: as check_repo_path. Throws: InvalidArgument. */
void check_revision(const std::string& revision);

}  // namespace burin::hub
