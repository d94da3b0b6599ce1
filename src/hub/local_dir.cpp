#include "hub/local_dir.h"

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cmath>

#include <fmt/format.h>

#include "base/file.h"
#include "hub/cache.h"
#include "hub/cache_error.h"
#include "hub/copy_file.h"
#include "hub/digest.h"
#include "hub/download.h"
#include "hub/nearest.h"

namespace burin::hub {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kMeta = ".cache/huggingface";
constexpr uint64_t kMaxNotes = 4096;
constexpr double kClockStepSeconds = 1;  // times of files may be as coarse

/** When the file was changed, in seconds since 1970; none where no regular file is. */
std::optional<double> changed_s(const fs::path& path) {
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) {
    return std::nullopt;
  }
#ifdef __APPLE__
  const timespec& time = info.st_mtimespec;
#else
  const timespec& time = info.st_mtim;
#endif
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

std::string take_line(std::string_view& text) {
  const size_t end = std::min(text.find('\n'), text.size());
  std::string line(text.substr(0, end));
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

std::string download_folder(const std::string& folder) {
  return fmt::format("{}/download{}{}", kMeta, folder.empty() ? "" : "/", folder);
}

}  // namespace

std::optional<DownloadNotes> parse_download_notes(std::string_view text) {
  DownloadNotes notes{.commit = take_line(text), .etag = take_line(text)};
  const std::string time = take_line(text);
  const auto parsed = std::from_chars(time.data(), time.data() + time.size(), notes.noted_s);
  const bool number =
      parsed.ec == std::errc() && parsed.ptr == time.data() + time.size() && std::isfinite(notes.noted_s);
  return number && is_commit_hash(notes.commit) && is_etag(notes.etag) ? std::optional(std::move(notes)) : std::nullopt;
}

void check_local_dir(const fs::path& dir, const fs::path& hub_cache) {
  std::error_code ignored;
  const fs::path given = fs::weakly_canonical(fs::absolute(dir, ignored), ignored);
  const fs::path cache = fs::weakly_canonical(hub_cache, ignored);
  const auto [in_cache, in_given] = std::mismatch(cache.begin(), cache.end(), given.begin(), given.end());
  if (in_cache == cache.end()) {
    throw Error(ErrorCode::InvalidArgument, "pull",
                "--local-dir names a folder of the cache, where only the cache's own files may lie")
        .hint("name another folder, or leave --local-dir out");
  }
  if (fs::exists(given, ignored) && !fs::is_directory(given, ignored)) {
    throw Error(ErrorCode::InvalidArgument, "pull", "--local-dir names something that is no folder")
        .hint("name a folder, or one that is not there yet");
  }
}

void check_local_paths(const std::vector<RepoFile>& files) {
  const std::string own = fmt::format("{}/", kMeta);
  for (const RepoFile& file : files) {
    if (lower_ascii(file.path).starts_with(own)) {
      throw Error(ErrorCode::Corrupt, "listing",
                  fmt::format("the repository lists files below {}, where notes on downloads are kept", own))
          .type("unsafe_path")
          .hint(fmt::format("leave them out with --exclude '{}*', or pull it into the cache", own));
    }
  }
}

LocalDir::LocalDir(fs::path dir, std::string commit, CacheWriter cache, const std::atomic<bool>& cancel)
    : dir_(std::move(dir)),
      meta_(dir_ / kMeta),
      commit_(std::move(commit)),
      cache_(std::move(cache)),
      cancel_(cancel) {}

fs::path LocalDir::lock_file(const RepoFile& file) {
  (void)root_->below(download_folder(split_repo_path(file.path).folder));
  return blobs_dir() / (file.path + ".lock");
}

std::optional<DownloadNotes> LocalDir::read_notes(const RepoFile& file) const {
  try {
    return parse_download_notes(read_file(blobs_dir() / (file.path + ".metadata"), kMaxNotes));
  } catch (const Error&) {
    return std::nullopt;
  }
}

std::optional<DownloadNotes> LocalDir::notes_of(const RepoFile& file) const {
  const auto changed = changed_s(dir_ / file.path);
  auto notes = changed ? read_notes(file) : std::nullopt;
  return notes && *changed - kClockStepSeconds <= notes->noted_s ? std::move(notes) : std::nullopt;
}

bool LocalDir::has_file(const RepoFile& file) const {
  const auto notes = notes_of(file);
  return notes && notes->commit == commit_ && notes->etag == file.etag() &&
         regular_size(dir_ / file.path) == file.content_size();
}

bool LocalDir::has_right_content(const RepoFile& file) const {
  const fs::path path = dir_ / file.path;
  if (regular_size(path) != file.content_size()) {
    return false;
  }
  {
    const std::lock_guard lock(mutex_);
    if (adopted_.contains(file.path)) {
      return true;
    }
  }
  const auto notes = notes_of(file);
  const bool right = notes ? notes->etag == file.etag() : file_has_hash(path, file.etag(), cancel_);
  if (right) {
    const std::lock_guard lock(mutex_);
    adopted_.insert(file.path);
  }
  return right;
}

bool LocalDir::is_foreign(const RepoFile& file) const {
  const fs::path path = dir_ / file.path;
  std::error_code ignored;
  if (!fs::exists(fs::symlink_status(path, ignored)) || notes_of(file) || has_right_content(file)) {
    return false;
  }
  // Touched, or about to be replaced when the program was killed: still what was brought.
  const auto notes = read_notes(file);
  return !notes || !regular_size(path) || !file_has_hash(path, notes->etag, cancel_);
}

std::optional<fs::path> LocalDir::content(const RepoFile& file) const {
  if (has_right_content(file)) {
    return dir_ / file.path;
  }
  if (auto blob = cache_.content(file)) {
    return blob;
  }
  if (cache_.has_file(file)) {
    return cache_.snapshot_dir() / file.path;
  }
  const std::lock_guard lock(mutex_);
  const auto sibling = placed_.find(file.etag());
  return sibling == placed_.end() ? std::nullopt : std::optional(dir_ / sibling->second);
}

std::optional<std::vector<RepoFile>> LocalDir::read_tree() const {
  auto tree = read_tree_file(meta_, commit_);
  return tree ? tree : cache_.read_tree();
}

void LocalDir::open() {
  make_folder(dir_);
  root_.emplace(dir_);
  downloads_.emplace(root_->below(download_folder("")));
  remove_leftovers(*downloads_, blobs_dir());
  write_cache_tag(meta_, blobs_dir());
  std::error_code ignored;
  if (!fs::exists(fs::symlink_status(meta_ / ".gitignore", ignored))) {
    place_file(*downloads_, root_->below(kMeta), ".gitignore", "*", 0666);
  }
}

void LocalDir::write_blob(const std::string& etag, std::string_view content) {
  place_file(*downloads_, *downloads_, etag, content, 0666);
}

void LocalDir::move_into_place(const RepoFile& file, bool fetched, const Folder& folder, const std::string& name) {
  std::string grown = file.etag();
  if (!fetched) {
    const auto source = content(file);
    if (!source) {
      throw Error(ErrorCode::Network, file.path, file.path + " is no longer where it was found")
          .type("download_failed")
          .hint("run the command again");
    }
    grown = temporary_name();
    try {
      copy_file_checked({.from = *source, .to = blobs_dir() / grown, .etag = file.etag(), .name = file.path},
                        [this](uint64_t) {
                          if (cancel_) {
                            throw Error(ErrorCode::Cancelled, "pull", "interrupted");
                          }
                        });
    } catch (...) {
      ::unlinkat(downloads_->fd(), grown.c_str(), 0);
      throw;
    }
  }
  if (::renameat(downloads_->fd(), grown.c_str(), folder.fd(), name.c_str()) != 0) {
    throw cache_error(errno, "cannot move into place " + file.path);
  }
  folder.sync();
}

void LocalDir::write_notes(const Folder& folder, const std::string& name, const DownloadNotes& notes) const {
  place_file(*downloads_, folder, name + ".metadata",
             fmt::format("{}\n{}\n{:.6f}\n", notes.commit, notes.etag, notes.noted_s), 0666);
}

void LocalDir::place(const RepoFile& file, bool fetched) {
  const RepoPath path = split_repo_path(file.path);
  const Folder folder = root_->below(path.folder);
  const Folder notes = root_->below(download_folder(path.folder));
  if (fetched || !has_right_content(file)) {
    // No client trusts notes of 1970: a kill before the next ones leaves a file to be hashed.
    if (const auto before = read_notes(file)) {
      write_notes(notes, path.name, {.commit = before->commit, .etag = before->etag});
    }
    move_into_place(file, fetched, folder, path.name);
  }
  const double now_s = std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  write_notes(notes, path.name, {.commit = commit_, .etag = file.etag(), .noted_s = now_s});
  const std::lock_guard lock(mutex_);
  placed_[file.etag()] = file.path;
  adopted_.insert(file.path);
}

void LocalDir::write_tree(const std::vector<RepoFile>& files) {
  const std::optional<std::string> text = tree_json(files);
  if (text && !read_tree_file(meta_, commit_)) {
    place_file(*downloads_, root_->below(fmt::format("{}/trees", kMeta)), commit_ + ".json", *text, 0600);
  }
}

}  // namespace burin::hub
