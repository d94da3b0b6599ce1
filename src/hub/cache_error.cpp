#include "hub/cache_error.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <random>

#include <fmt/format.h>

namespace burin::hub {

Error cache_error(int number, const std::string& what) {
  const std::string message = what + ": " + std::strerror(number);
  if (number == EROFS || number == EACCES || number == EPERM) {
    return Error(ErrorCode::Permission, "cache", message)
        .type("read_only_cache")
        .hint("HF_HUB_CACHE names another folder; models that are there already can be used as they are");
  }
  if (number == ENOSPC || number == EDQUOT || number == EFBIG) {
    return Error(ErrorCode::ResourceExhausted, "cache", message)
        .type("disk_full")
        .hint("free some space and run the command again: what came so far is kept");
  }
  if (number == EMFILE || number == ENFILE || number == ENOMEM) {
    return Error(ErrorCode::ResourceExhausted, "cache", message);
  }
  return Error(ErrorCode::Internal, "cache", message).type("io_error").hint("check the disk and run the command again");
}

int flush(int fd) {
  const bool done = ::fsync(fd) == 0 || errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP;
  return done ? 0 : errno;
}

std::string nonce() {
  return fmt::format("{:08x}", std::random_device{}());
}

}  // namespace burin::hub
