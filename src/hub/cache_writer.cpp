#include "hub/cache_writer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>

#include <fmt/format.h>

#include "base/file.h"
#include "hub/cache.h"
#include "hub/cache_error.h"
#include "hub/http_headers.h"

namespace burin::hub {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kTag =
    "Signature: 8a477f597d28d172789f06886806bc55\n"
    "# This file is a cache directory tag created by huggingface_hub.\n"
    "# For information about cache directory tags, see:\n"
    "#\thttps://bford.info/cachedir/\n";
constexpr std::string_view kSkeleton = ".new-";
constexpr uint64_t kMaxTree = uint64_t{64} << 20;

/** Skeletons of processes that ended hold empty folders only, so nothing else can be lost with them. */
void remove_skeletons(const fs::path& locks) {
  for (const fs::path& entry : entries_of(locks)) {
    const std::string name = entry.filename().string();
    if (!name.starts_with(kSkeleton)) {
      continue;
    }
    const std::string_view rest = std::string_view(name).substr(kSkeleton.size());
    const auto process = parse_count(rest.substr(0, rest.find('-')));
    if (!process || ::kill(static_cast<pid_t>(*process), 0) == 0 || errno != ESRCH) {
      continue;
    }
    std::error_code ignored;
    if (fs::is_directory(entry / "snapshots", ignored)) {
      for (const fs::path& snapshot : entries_of(entry / "snapshots")) {
        ::rmdir(snapshot.c_str());
      }
    }
    for (const char* folder : {"snapshots", "blobs", "refs", ""}) {
      ::rmdir((entry / folder).c_str());
    }
  }
}

/** The link's text: up from the file's folder to the repository's, then to the blob. */
std::string link_target(const std::string& path, const std::string& etag) {
  std::string target = "../../";
  for (const char c : path) {
    target += c == '/' ? "../" : "";
  }
  return target + "blobs/" + etag;
}

}  // namespace

void make_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error && !fs::is_directory(folder)) {
    throw cache_error(error.value(), "cannot make a folder of the cache");
  }
}

RepoPath split_repo_path(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == path.npos ? RepoPath{.folder = "", .name = path}
                            : RepoPath{.folder = path.substr(0, slash), .name = path.substr(slash + 1)};
}

std::optional<uint64_t> regular_size(const fs::path& path) {
  struct stat info{};
  const bool regular = ::stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode);
  return regular ? std::optional(static_cast<uint64_t>(info.st_size)) : std::nullopt;
}

std::optional<std::vector<RepoFile>> read_tree_file(const fs::path& folder, const std::string& commit) {
  try {
    return parse_tree_json(read_file(folder / "trees" / (commit + ".json"), kMaxTree));
  } catch (const Error&) {
    return std::nullopt;
  }
}

void write_cache_tag(const fs::path& folder, const fs::path& root) {
  std::error_code ignored;
  if (!fs::exists(fs::symlink_status(folder / "CACHEDIR.TAG", ignored))) {
    place_file(Folder(root), Folder(folder), "CACHEDIR.TAG", kTag, 0666);
  }
}

void check_revision(const std::string& revision) {
  try {
    check_repo_path(revision);
  } catch (const Error&) {
    throw Error(ErrorCode::InvalidArgument, "revision", fmt::format("\"{:.80}\" cannot name a revision", revision))
        .hint("a branch, a tag, refs/pr/N or a commit of 40 hexadecimal digits");
  }
}

CacheWriter::CacheWriter(Place place)
    : place_(std::move(place)),
      dir_(place_.hub_cache / repo_folder_name(place_.repo)),
      locks_(place_.hub_cache / ".locks" / repo_folder_name(place_.repo)) {}

bool CacheWriter::has_file(const RepoFile& file) const {
  return regular_size(snapshot_dir() / file.path) == file.content_size();
}

std::optional<fs::path> CacheWriter::content(const RepoFile& file) const {
  fs::path blob = blobs_dir() / file.etag();
  return regular_size(blob) == file.content_size() ? std::optional(std::move(blob)) : std::nullopt;
}

std::optional<std::vector<RepoFile>> CacheWriter::read_tree() const {
  return read_tree_file(dir_, place_.commit);
}

std::optional<std::string> CacheWriter::read_ref() const {
  try {
    const std::string commit = read_file(dir_ / "refs" / place_.revision, 64);
    return is_commit_hash(commit) ? std::optional(commit) : std::nullopt;
  } catch (const Error&) {
    return std::nullopt;
  }
}

void CacheWriter::make_skeleton() const {
  const fs::path locks = place_.hub_cache / ".locks";
  remove_skeletons(locks);
  const fs::path skeleton = locks / fmt::format("{}{}-{}", kSkeleton, ::getpid(), nonce());
  std::vector<fs::path> folders{skeleton, skeleton / "snapshots", skeleton / "snapshots" / place_.commit,
                                skeleton / "blobs"};
  if (place_.revision != place_.commit) {
    folders.push_back(skeleton / "refs");
  }
  for (const fs::path& folder : folders) {
    if (::mkdir(folder.c_str(), 0777) != 0) {
      throw cache_error(errno, "cannot make a folder of the cache");
    }
  }
  const bool taken = ::rename(skeleton.c_str(), dir_.c_str()) != 0;
  const int why = errno;
  if (taken) {
    for (auto folder = folders.rbegin(); folder != folders.rend(); ++folder) {
      ::rmdir(folder->c_str());
    }
    if (why != ENOTEMPTY && why != EEXIST) {
      throw cache_error(why, "cannot make the model's folder in the cache");
    }
  }
}

void CacheWriter::open() {
  make_folder(locks_);
  write_cache_tag(place_.hub_cache, place_.hub_cache / ".locks");
  std::error_code ignored;
  if (!fs::is_directory(dir_, ignored)) {
    make_skeleton();
  }
  root_.emplace(dir_);
  remove_leftovers(*root_, dir_);
  // Another client may have begun the repository: snapshots/ first, as without it the cache is called corrupt.
  (void)root_->below("snapshots/" + place_.commit);
  make_folder(blobs_dir());
}

void CacheWriter::place_content(const fs::path& blob, const Folder& folder, const std::string& name, bool new_blob) {
  if (new_blob) {
    if (::renameat(AT_FDCWD, blob.c_str(), folder.fd(), name.c_str()) != 0) {
      throw cache_error(errno, "cannot move into place " + name);
    }
    return;
  }
  // Copied beside it first, so that the snapshot never shows half of it.
  const std::string temporary = temporary_name();
  std::error_code error;
  fs::copy_file(blob, dir_ / temporary, error);
  if (error || ::renameat(root_->fd(), temporary.c_str(), folder.fd(), name.c_str()) != 0) {
    const int why = error ? error.value() : errno;
    ::unlinkat(root_->fd(), temporary.c_str(), 0);
    throw cache_error(why, "cannot copy into place " + name);
  }
}

void CacheWriter::place(const RepoFile& file, bool fetched) {
  const std::string& etag = file.etag();
  const RepoPath path = split_repo_path(file.path);
  const Folder folder = root_->below("snapshots/" + place_.commit + (path.folder.empty() ? "" : "/" + path.folder));
  if (place_.symlinks && place_link(*root_, folder, path.name, link_target(file.path, etag))) {
    return;
  }
  place_content(blobs_dir() / etag, folder, path.name, fetched);
}

void CacheWriter::write_blob(const std::string& etag, std::string_view content) {
  const Folder blobs(blobs_dir());
  place_file(*root_, blobs, etag, content, 0666);
  blobs.sync();
}

void CacheWriter::write_tree(const std::vector<RepoFile>& files) {
  const std::string name = place_.commit + ".json";
  const std::optional<std::string> text = tree_json(files);
  if (text && !read_tree()) {
    place_file(*root_, root_->below("trees"), name, *text, 0600);
  }
}

void CacheWriter::write_ref() {
  if (place_.revision == place_.commit || read_ref() == place_.commit) {
    return;
  }
  const RepoPath path = split_repo_path(place_.revision);
  const Folder folder = root_->below(path.folder.empty() ? "refs" : "refs/" + path.folder);
  place_file(*root_, folder, path.name, place_.commit, 0666);
  folder.sync();
}

void CacheWriter::write_no_exist(const std::string& file) {
  const RepoPath path = split_repo_path(file);
  const Folder folder = root_->below(".no_exist/" + place_.commit + (path.folder.empty() ? "" : "/" + path.folder));
  place_file(*root_, folder, path.name, "", 0666);
}

}  // namespace burin::hub
