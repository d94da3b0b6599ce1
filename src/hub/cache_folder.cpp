#include "hub/cache_folder.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>

#include <fmt/format.h>

#include "base/file.h"
#include "hub/cache_error.h"
#include "hub/http_headers.h"

namespace burin::hub {
namespace {

constexpr int kOpenFolder = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
constexpr std::string_view kTemporary = ".burin-";
constexpr int kAttempts = 3;

/** Removed again unless it was renamed. */
struct Temporary {
  const Folder& root;
  std::string name = temporary_name();
  explicit Temporary(const Folder& folder) : root(folder) {}
  ~Temporary() {
    if (!name.empty()) {
      ::unlinkat(root.fd(), name.c_str(), 0);
    }
  }
  Temporary(const Temporary&) = delete;
  Temporary& operator=(const Temporary&) = delete;

  /** False when somebody took it away meanwhile. */
  bool move_to(const Folder& target, const std::string& final_name) {
    if (::renameat(root.fd(), name.c_str(), target.fd(), final_name.c_str()) == 0) {
      name.clear();
      return true;
    }
    if (errno != ENOENT) {
      throw cache_error(errno, "cannot move into place " + final_name);
    }
    return false;
  }
};

void write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(fd, text.data(), text.size());
    if (n < 0 && errno != EINTR) {
      throw cache_error(errno, "cannot write in the cache");
    }
    text.remove_prefix(n < 0 ? 0 : static_cast<size_t>(n));
  }
}

void write_file(const Temporary& file, std::string_view content, int mode) {
  const int fd =
      ::openat(file.root.fd(), file.name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
  if (fd < 0) {
    throw cache_error(errno, "cannot write in the cache");
  }
  const std::unique_ptr<const int, void (*)(const int*)> close(&fd, [](const int* open) { ::close(*open); });
  write_all(fd, content);
  if (const int why = flush(fd); why != 0) {
    throw cache_error(why, "cannot flush a file of the cache");
  }
}

bool is_link_to(const Folder& folder, const std::string& name, const std::string& content) {
  std::string found(content.size() + 1, '\0');
  const ssize_t size = ::readlinkat(folder.fd(), name.c_str(), found.data(), found.size());
  return size >= 0 && std::string_view(found).substr(0, static_cast<size_t>(size)) == content;
}

}  // namespace

Folder::Folder(const std::filesystem::path& path) : fd_(::open(path.c_str(), kOpenFolder)) {
  if (fd_ < 0) {
    throw cache_error(errno, "cannot open a folder of the cache");
  }
}

Folder::~Folder() {
  if (fd_ >= 0) {
    ::close(fd_);
  }
}

Folder Folder::below(std::string_view path) const {
  int fd = ::fcntl(fd_, F_DUPFD_CLOEXEC, 0);
  while (fd >= 0 && !path.empty()) {
    const std::string name(path.substr(0, path.find('/')));
    path.remove_prefix(std::min(path.size(), name.size() + 1));
    const bool made = ::mkdirat(fd, name.c_str(), 0777) == 0 || errno == EEXIST;
    const int inner = made ? ::openat(fd, name.c_str(), kOpenFolder | O_NOFOLLOW) : -1;
    const int why = errno;
    ::close(fd);
    fd = inner;
    errno = why;
  }
  if (fd < 0) {
    throw errno == ELOOP || errno == ENOTDIR
        ? Error(ErrorCode::Corrupt, "cache", "a folder of the cache is none, or a link")
        : cache_error(errno, "cannot make a folder of the cache");
  }
  return Folder(fd);
}

void Folder::sync() const {
  ::fsync(fd_);
}

std::string temporary_name() {
  return fmt::format("{}{}-{}", kTemporary, ::getpid(), nonce());
}

void place_file(const Folder& root, const Folder& target, const std::string& name, std::string_view content, int mode) {
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    Temporary file(root);
    write_file(file, content, mode);
    if (file.move_to(target, name)) {
      return;
    }
  }
  throw cache_error(ENOENT, "cannot move into place " + name);
}

bool place_link(const Folder& root, const Folder& target, const std::string& name, const std::string& content) {
  if (is_link_to(target, name, content)) {
    return true;  // a repair that is killed leaves nothing temporary behind then
  }
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    Temporary link(root);
    if (::symlinkat(content.c_str(), root.fd(), link.name.c_str()) != 0) {
      if (errno == EPERM || errno == EOPNOTSUPP || errno == ENOSYS) {
        return false;
      }
      throw cache_error(errno, "cannot make a symlink in the cache");
    }
    if (link.move_to(target, name)) {
      return true;
    }
  }
  throw cache_error(ENOENT, "cannot move into place " + name);
}

void remove_leftovers(const Folder& root, const std::filesystem::path& path) {
  for (const std::filesystem::path& entry : entries_of(path)) {
    const std::string name = entry.filename().string();
    if (!name.starts_with(kTemporary)) {
      continue;
    }
    const std::string_view rest = std::string_view(name).substr(kTemporary.size());
    const auto process = parse_count(rest.substr(0, rest.find('-')));
    if (process && ::kill(static_cast<pid_t>(*process), 0) != 0 && errno == ESRCH) {
      ::unlinkat(root.fd(), name.c_str(), 0);
    }
  }
}

}  // namespace burin::hub
