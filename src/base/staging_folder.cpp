#include "base/staging_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "base/error.h"

namespace burin {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kMark = ".importing-";

/** The descriptor that holds the lock of a folder, or -1 when another process holds it. */
int lock_folder(const fs::path& folder) {
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
  if (fd >= 0 && ::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    ::close(fd);
    return -1;
  }
  return fd;
}

bool is_staging(const fs::path& path, const std::string& stem) {
  const std::string name = path.filename().string();
  return name.size() > stem.size() && name.starts_with(stem) &&
         name.find_first_not_of("0123456789", stem.size()) == std::string::npos;
}

void remove_leftovers(const fs::path& target) {
  const std::string stem = target.filename().string() + std::string(kMark);
  std::error_code ignored;
  std::vector<fs::path> found;
  for (fs::directory_iterator it(target.parent_path(), ignored), end; !ignored && it != end; it.increment(ignored)) {
    if (is_staging(it->path(), stem)) {
      found.push_back(it->path());
    }
  }
  for (const fs::path& folder : found) {
    if (const int fd = lock_folder(folder); fd >= 0) {
      fs::remove_all(folder, ignored);
      ::close(fd);
    }
  }
}

}  // namespace

StagingFolder::StagingFolder(const fs::path& target) : target_(fs::absolute(target)), path_(target_) {
  remove_leftovers(target_);
  path_ += std::string(kMark) + std::to_string(::getpid());
  std::error_code code;
  fs::create_directories(path_, code);
  if (code) {
    throw Error(ErrorCode::Permission, path_.filename().string(), "cannot create the folder: " + code.message());
  }
  lock_ = lock_folder(path_);
}

StagingFolder::~StagingFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
  if (lock_ >= 0) {
    ::close(lock_);
  }
}

void StagingFolder::commit() {
  std::error_code code;
  fs::rename(path_, target_, code);
  if (code) {
    throw Error(ErrorCode::Permission, target_.filename().string(),
                "cannot rename the finished folder into place: " + code.message());
  }
}

}  // namespace burin
