#include "hub/copy_file.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#ifdef __linux__
#include <linux/fs.h>
#endif

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <span>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "hub/digest.h"

namespace burin::hub {
namespace {

constexpr size_t kBlock = size_t{4} << 20;

Error cannot_write(const std::string& name) {
  const bool full = errno == ENOSPC || errno == EDQUOT || errno == EFBIG;
  const bool denied = errno == EACCES || errno == EPERM || errno == EROFS;
  const ErrorCode code = full ? ErrorCode::ResourceExhausted : denied ? ErrorCode::Permission : ErrorCode::Internal;
  return Error(code, name, "cannot write " + name + ": " + std::strerror(errno));
}

/** The new file, closed at the end. */
class Target {
 public:
  explicit Target(const FileCopy& copy)
      : name_(copy.name), fd_(::open(copy.to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666)) {
    if (fd_ < 0) {
      throw cannot_write(name_);
    }
  }
  ~Target() { ::close(fd_); }
  Target(const Target&) = delete;
  Target& operator=(const Target&) = delete;

  bool share_blocks(const std::filesystem::path& from) const {
#ifdef FICLONE
    const int source = ::open(from.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    const bool shared = source >= 0 && ::ioctl(fd_, FICLONE, source) == 0;
    if (source >= 0) {
      ::close(source);
    }
    return shared;
#else
    static_cast<void>(from);
    return false;
#endif
  }

  void write(std::span<const std::byte> bytes) const {
    while (!bytes.empty()) {
      const ssize_t n = ::write(fd_, bytes.data(), bytes.size());
      if (n < 0 && errno != EINTR) {
        throw cannot_write(name_);
      }
      bytes = bytes.subspan(n < 0 ? 0 : static_cast<size_t>(n));
    }
  }

  void flush() const {
    if (::fsync(fd_) != 0) {
      throw cannot_write(name_);
    }
  }

 private:
  std::string name_;
  int fd_;
};

}  // namespace

void copy_file_checked(const FileCopy& copy, const std::function<void(uint64_t bytes)>& on_bytes) {
  const InputFile source(copy.from);
  const Target target(copy);
  if (target.share_blocks(copy.from)) {
    on_bytes(source.size());
    return;
  }
  std::optional<Digest> digest;
  if (!copy.etag.empty()) {
    digest.emplace(digest_kind(copy.etag), source.size());
  }
  std::vector<std::byte> block(std::min<uint64_t>(kBlock, source.size()));
  for (uint64_t at = 0; at < source.size(); at += block.size()) {
    const std::span part = std::span(block).first(std::min<uint64_t>(block.size(), source.size() - at));
    source.read_at(at, part);
    if (digest) {
      digest->update(part);
    }
    target.write(part);
    on_bytes(part.size());
  }
  if (digest && digest->hex() != copy.etag) {
    throw Error(ErrorCode::Corrupt, copy.name, "its content is not what its hash says")
        .fact("expected", copy.etag)
        .fact("found", digest->hex());
  }
  target.flush();
}

}  // namespace burin::hub
