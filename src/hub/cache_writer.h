// Writing the cache so that every other client reads it at every instant: content first, under the name of its hash,
// then the link to it, then the listing, and the branch's name last.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "hub/cache_folder.h"
#include "hub/pull_target.h"

namespace burin::hub {

/** A pull's target in the cache. */
class CacheWriter : public PullTarget {
 public:
  struct Place {
    std::filesystem::path hub_cache;
    std::string repo;
    std::string commit;
    std::string revision;  // what refs/ will name; the commit itself needs no ref
    bool symlinks = true;
  };

  explicit CacheWriter(Place place);

  std::filesystem::path snapshot_dir() const override { return dir_ / "snapshots" / place_.commit; }
  std::filesystem::path blobs_dir() const override { return dir_ / "blobs"; }
  std::filesystem::path lock_file(const RepoFile& file) override { return locks_ / (file.etag() + ".lock"); }

  bool has_file(const RepoFile& file) const override;
  bool is_foreign(const RepoFile&) const override { return false; }  // all of the cache is clients'
  std::optional<std::filesystem::path> content(const RepoFile& file) const override;
  std::optional<std::vector<RepoFile>> read_tree() const override;
  /** What refs/ says of the revision. */
  std::optional<std::string> read_ref() const;

  /** All at once where the repository is new. */
  void open() override;
  void write_blob(const std::string& etag, std::string_view content) override;
  /** The link from the snapshot to the blob; without symlinks the blob itself when it is new, else a copy. */
  void place(const RepoFile& file, bool fetched) override;
  void write_tree(const std::vector<RepoFile>& files) override;
  void write_ref() override;
  void write_no_exist(const std::string& path) override;

 private:
  void make_skeleton() const;
  void place_content(const std::filesystem::path& blob, const Folder& folder, const std::string& name, bool new_blob);

  Place place_;
  std::filesystem::path dir_;
  std::filesystem::path locks_;  // of this repository
  std::optional<Folder> root_;
};

/** Folders that are not there yet. Throws: Permission, ResourceExhausted. */
void make_folder(const std::filesystem::path& folder);

/** The folder and the last part of a path in a repository. */
struct RepoPath {
  std::string folder;  // empty for a file at the top
  std::string name;
};
RepoPath split_repo_path(const std::string& path);

/** The size of a regular file, behind links. */
std::optional<uint64_t> regular_size(const std::filesystem::path& path);

/** trees/<commit>.json below `folder`, where it can be used. */
std::optional<std::vector<RepoFile>> read_tree_file(const std::filesystem::path& folder, const std::string& commit);

/** CACHEDIR.TAG in `folder`, made in `root` beside it, unless there is one. */
void write_cache_tag(const std::filesystem::path& folder, const std::filesystem::path& root);

/** A revision that may become part of a path: as check_repo_path. Throws: InvalidArgument. */
void check_revision(const std::string& revision);

}  // namespace burin::hub
