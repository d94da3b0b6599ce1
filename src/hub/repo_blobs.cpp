#include "hub/repo_blobs.h"

#include <sys/stat.h>

#include <optional>
#include <system_error>
#include <utility>

#include "base/error.h"
#include "hub/digest.h"
#include "hub/lock_state.h"
#include "hub/shared_store.h"
#include "hub/snapshot_facts.h"

namespace burin::hub {
namespace {

namespace fs = std::filesystem;

Error cannot_list(const fs::path& folder, const std::error_code& error) {
  return Error(ErrorCode::Permission, "cache", "cannot list " + folder.filename().string() + ": " + error.message());
}

/** Size of a regular file that has this one name only. */
uint64_t own_bytes(const fs::path& file) {
  struct stat info{};
  const bool own = ::lstat(file.c_str(), &info) == 0 && S_ISREG(info.st_mode) && info.st_nlink == 1;
  return own ? static_cast<uint64_t>(info.st_size) : 0;
}

std::string store_name(const fs::path& repo, const std::string& etag) {
  return repo.filename().string() + "/blobs/" + etag;
}

/** True when it was removed. */
bool drop_blob(const fs::path& repo, const std::string& etag) {
  std::error_code error;
  if (!fs::exists(fs::symlink_status(repo / "blobs" / etag, error))) {
    return false;
  }
  const fs::path locks = locks_of(repo);
  fs::create_directories(locks, error);
  const auto lock = HeldLock::create(locks / (etag + ".lock"));
  // Looked at again under the lock: a download may have linked to it meanwhile.
  if (!lock || linked_blobs_of_repo(repo, "").contains(etag)) {
    return false;
  }
  return fs::remove(repo / "blobs" / etag, error);
}

}  // namespace

std::set<std::string> linked_blobs(const fs::path& snapshot) {
  std::set<std::string> blobs;
  std::error_code error;
  for (fs::recursive_directory_iterator it(snapshot, error), end; !error && it != end; it.increment(error)) {
    std::error_code unreadable;
    if (it->is_symlink(unreadable)) {
      const fs::path target = fs::read_symlink(it->path(), unreadable);
      if (target.parent_path().filename() == "blobs") {
        blobs.insert(target.filename().string());
      }
    }
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    throw cannot_list(snapshot, error);
  }
  return blobs;
}

std::set<std::string> linked_blobs_of_repo(const fs::path& repo, const std::string& without) {
  std::set<std::string> blobs;
  std::error_code error;
  for (fs::directory_iterator it(repo / "snapshots", error), end; !error && it != end; it.increment(error)) {
    if (it->path().filename() != without) {
      blobs.merge(linked_blobs(it->path()));
    }
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    throw cannot_list(repo, error);
  }
  return blobs;
}

uint64_t bytes_below(const fs::path& folder) {
  uint64_t total = 0;
  std::set<std::pair<dev_t, ino_t>> seen;
  std::error_code error;
  for (fs::recursive_directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    struct stat info{};
    if (::lstat(it->path().c_str(), &info) == 0 && S_ISREG(info.st_mode) &&
        seen.emplace(info.st_dev, info.st_ino).second) {
      total += static_cast<uint64_t>(info.st_size);
    }
  }
  return total;
}

uint64_t blob_bytes(const fs::path& repo, const std::set<std::string>& blobs) {
  std::set<std::string> going;
  std::set<std::string> entries;
  uint64_t total = 0;
  for (const std::string& etag : blobs) {
    going.insert(store_name(repo, etag));
    if (const auto entry = shared_entry_of(repo / "blobs" / etag)) {
      entries.insert(*entry);
    } else {
      total += own_bytes(repo / "blobs" / etag);
    }
  }
  for (const std::string& entry : entries) {
    total += shared_bytes_freed(repo.parent_path(), entry, going);
  }
  return total;
}

uint64_t drop_blobs(const fs::path& repo, const std::set<std::string>& blobs) {
  uint64_t freed = 0;
  for (const std::string& etag : blobs) {
    const auto entry = shared_entry_of(repo / "blobs" / etag);
    const uint64_t bytes = entry ? 0 : own_bytes(repo / "blobs" / etag);
    if (is_etag(etag) && drop_blob(repo, etag)) {
      freed += entry ? sweep_shared_entry(repo.parent_path(), *entry) : bytes;
    }
  }
  return freed;
}

}  // namespace burin::hub
