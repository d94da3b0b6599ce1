#include "hub/partial.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/vfs.h>
#endif

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "hub/cache_error.h"

namespace burin::hub {
namespace {

namespace fs = std::filesystem;

std::string partial_name(const std::string& etag) {
  return fmt::format("{}.{}.incomplete", etag, nonce());
}

/** File systems where flock is known to lie or to be slow to tell: two writers of one partial would poison it. */
bool has_honest_locks(int fd) {
#ifdef __linux__
  static constexpr std::array<uint32_t, 6> kDoubtful{0x6969 /* NFS */,      0x0BD00BD0 /* Lustre */,
                                                     0x47504653 /* GPFS */, 0xFF534D42 /* CIFS */,
                                                     0xFE534D42 /* SMB2 */, 0x65735546 /* FUSE */};
  struct statfs info{};
  return ::fstatfs(fd, &info) == 0 &&
         std::ranges::find(kDoubtful, static_cast<uint32_t>(info.f_type)) == kDoubtful.end();
#else
  return fd >= 0;
#endif
}

}  // namespace

Partial::Partial(BlobPlace place, bool resume)
    : place_(std::move(place)), journal_(place_.state_dir, place_.blobs_dir, place_.etag) {
  entry_ = {.etag = place_.etag, .size = place_.size, .boot_id = boot_id()};
  if (!resume || !claim()) {
    create();
  }
  reserve();
}

Partial::~Partial() {
  if (fd_ >= 0) {
    ::close(fd_);
  }
}

bool Partial::claim() {
  const auto entry = journal_.read(place_.etag, place_.size);
  return entry &&
         (claim_name(entry->partial, *entry) || (!entry->previous.empty() && claim_name(entry->previous, *entry)));
}

bool Partial::claim_name(const std::string& old_name, const JournalEntry& entry) {
  const fs::path old = place_.blobs_dir / old_name;
  fd_ = ::open(old.c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC);
  struct stat info{};
  const bool free = fd_ >= 0 && has_honest_locks(fd_) && ::flock(fd_, LOCK_EX | LOCK_NB) == 0 &&
                    ::fstat(fd_, &info) == 0 && S_ISREG(info.st_mode) && info.st_nlink == 1;
  const uint64_t trusted = free ? entry.trusted(entry_.boot_id, static_cast<uint64_t>(info.st_size)) : 0;
  // Cut first: whatever lies behind a hole never counts as written.
  if (free && ::ftruncate(fd_, static_cast<off_t>(trusted)) == 0) {
    // Noted before it is renamed: a kill between the two leaves both names to look for. Renaming is exclusive even
    // where locks lie: of two claimants one finds nothing to rename.
    entry_.previous = old_name;
    entry_.partial = partial_name(place_.etag);
    note(trusted, entry.durable);
    if (::rename(old.c_str(), (place_.blobs_dir / entry_.partial).c_str()) == 0) {
      inherited_ = trusted;
      return true;
    }
  }
  if (free) {
    ::unlink(old.c_str());  // ours, and of no use
  }
  if (fd_ >= 0) {
    ::close(std::exchange(fd_, -1));
  }
  return false;
}

void Partial::create() {
  if (fd_ >= 0) {
    ::close(std::exchange(fd_, -1));
  }
  inherited_ = 0;
  entry_.previous.clear();
  entry_.partial = partial_name(place_.etag);
  note(0, 0);  // before there is a file, so that none is ever forgotten
  fd_ = ::open((place_.blobs_dir / entry_.partial).c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
  if (fd_ < 0) {
    throw cache_error(errno, "cannot write in the cache");
  }
  ::flock(fd_, LOCK_EX | LOCK_NB);
}

void Partial::reserve() {
#ifdef __linux__
  // The size stays what was written, which is what tells a later run how far it came.
  if (place_.size > inherited_ &&
      ::fallocate(fd_, FALLOC_FL_KEEP_SIZE, static_cast<off_t>(inherited_),
                  static_cast<off_t>(place_.size - inherited_)) != 0 &&
      (errno == ENOSPC || errno == EDQUOT)) {
    const int why = errno;
    check_disk_space(place_.blobs_dir, place_.size - inherited_);
    throw cache_error(why, fmt::format("no room for {} bytes", place_.size));
  }
#endif
}

void Partial::write_at(uint64_t position, std::span<const std::byte> bytes) const {
  while (!bytes.empty()) {
    const ssize_t n = ::pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(position));
    if (n < 0 && errno != EINTR) {
      throw cache_error(errno, "cannot write a download");
    }
    position += n < 0 ? 0 : static_cast<uint64_t>(n);
    bytes = bytes.subspan(n < 0 ? 0 : static_cast<size_t>(n));
  }
}

void Partial::note(uint64_t written, uint64_t durable) {
  entry_.written = written;
  entry_.durable = durable;
  journal_.write(entry_);
}

void Partial::expect_holes(uint64_t written, uint64_t durable) {
  entry_.holes = true;
  note(written, durable);
}

void Partial::publish() {
  struct stat info{};
  if (::fstat(fd_, &info) != 0 || static_cast<uint64_t>(info.st_size) != place_.size) {
    throw Error(ErrorCode::Internal, "cache", "a finished download has not the size it was checked with");
  }
  if (const int why = flush(fd_); why != 0) {
    discard();  // what a failed flush left is unknown
    throw cache_error(why, "cannot flush a download");
  }
  const fs::path partial = place_.blobs_dir / entry_.partial;
  if (::rename(partial.c_str(), (place_.blobs_dir / place_.etag).c_str()) != 0) {
    throw cache_error(errno, "cannot move a download into place");
  }
  journal_.remove();
  if (const int folder = ::open(place_.blobs_dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); folder >= 0) {
    flush(folder);
    ::close(folder);
  }
}

void Partial::discard() {
  ::unlink((place_.blobs_dir / entry_.partial).c_str());
  journal_.remove();
}

uint64_t resumable_bytes(const BlobPlace& place) {
  const auto entry = Journal(place.state_dir, place.blobs_dir, place.etag).read(place.etag, place.size);
  for (const std::string& name : entry ? std::vector{entry->partial, entry->previous} : std::vector<std::string>()) {
    struct stat info{};
    if (!name.empty() && ::lstat((place.blobs_dir / name).c_str(), &info) == 0 && S_ISREG(info.st_mode)) {
      return entry->trusted(boot_id(), static_cast<uint64_t>(info.st_size));
    }
  }
  return 0;
}

void check_disk_space(const fs::path& folder, uint64_t needed_bytes) {
  struct statvfs info{};
  if (::statvfs(folder.c_str(), &info) != 0) {
    return;
  }
  const uint64_t free_bytes = static_cast<uint64_t>(info.f_bavail) * info.f_frsize;
  if (free_bytes < needed_bytes) {
    throw Error(ErrorCode::ResourceExhausted, "cache",
                fmt::format("the disk has {} bytes free and {} are needed", free_bytes, needed_bytes))
        .type("disk_full")
        .fact("needed_bytes", std::to_string(needed_bytes))
        .fact("free_bytes", std::to_string(free_bytes))
        .hint("free some space, or name a folder on another disk with HF_HUB_CACHE, and run the command again");
  }
}

}  // namespace burin::hub
