// A folder of plain files as a pull's target, with the notes that Hugging Face's client keeps below .cache/huggingface
// of it: each reads what the other brought. Source: huggingface_hub 2.4, _local_folder.py.
#pragma once

#include <map>
#include <mutex>
#include <set>

#include "hub/cache_writer.h"

namespace burin::hub {

/** What the client notes of a file that it brought. */
struct DownloadNotes {
  std::string commit;
  std::string etag;
  double noted_s = 0;  // since 1970; a file that is newer was changed
};

/** The content of a .metadata file; none for anything else. */
std::optional<DownloadNotes> parse_download_notes(std::string_view text);

class LocalDir : public PullTarget {
 public:
  /** `cache`: the same commit in the cache, whose contents are taken where they are there. */
  LocalDir(std::filesystem::path dir, std::string commit, CacheWriter cache, const std::atomic<bool>& cancel);

  std::filesystem::path snapshot_dir() const override { return dir_; }
  std::filesystem::path blobs_dir() const override { return meta_ / "download"; }
  std::filesystem::path lock_file(const RepoFile& file) override;

  /** Brought at this commit, and not changed since. */
  bool has_file(const RepoFile& file) const override;
  bool is_foreign(const RepoFile& file) const override;
  /** In its place already, in the cache, or under another name that this pull has brought. Hashes what has no notes. */
  std::optional<std::filesystem::path> content(const RepoFile& file) const override;
  std::optional<std::vector<RepoFile>> read_tree() const override;

  void open() override;
  void write_blob(const std::string& etag, std::string_view content) override;
  void place(const RepoFile& file, bool fetched) override;
  void write_tree(const std::vector<RepoFile>& files) override;
  void write_ref() override {}                         // a folder has one revision
  void write_no_exist(const std::string&) override {}  // nor does the client remember it here

 private:
  std::optional<DownloadNotes> read_notes(const RepoFile& file) const;
  void write_notes(const Folder& folder, const std::string& name, const DownloadNotes& notes) const;
  /** What is noted of the file, unless it was changed since. */
  std::optional<DownloadNotes> notes_of(const RepoFile& file) const;
  bool has_right_content(const RepoFile& file) const;
  void move_into_place(const RepoFile& file, bool fetched, const Folder& folder, const std::string& name);

  std::filesystem::path dir_;
  std::filesystem::path meta_;
  std::string commit_;
  CacheWriter cache_;
  const std::atomic<bool>& cancel_;
  std::optional<Folder> root_;
  std::optional<Folder> downloads_;
  mutable std::mutex mutex_;
  mutable std::set<std::string> adopted_;      // paths whose content was hashed and is right
  std::map<std::string, std::string> placed_;  // etag -> path
};

/** Where `dir` may be brought to. Throws: InvalidArgument for a folder in the cache. */
void check_local_dir(const std::filesystem::path& dir, const std::filesystem::path& hub_cache);

/** Throws: Corrupt (type unsafe_path) where a repository lists a file among the client's own notes. */
void check_local_paths(const std::vector<RepoFile>& files);

}  // namespace burin::hub
