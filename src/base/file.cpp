#include "base/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "base/error.h"

namespace burin {
namespace {

constexpr size_t kBlock = size_t{2} << 20;  // written at once, so that the system's cache can hold it as a huge page

Error system_error(int number, const std::string& what, const std::string& name) {
  ErrorCode code = ErrorCode::Internal;
  if (number == ENOENT || number == ENOTDIR) {
    code = ErrorCode::NotFound;
  } else if (number == EACCES || number == EPERM || number == EROFS) {
    code = ErrorCode::Permission;
  } else if (number == ENOSPC || number == EDQUOT || number == EMFILE || number == ENFILE || number == EFBIG) {
    code = ErrorCode::ResourceExhausted;
  }
  return Error(code, name, what + " " + name + ": " + std::strerror(number));
}

void write_all(int fd, const char* data, size_t size, const std::string& name) {
  while (size > 0) {
    const ssize_t n = ::write(fd, data, size);
    if (n < 0 && errno == EINTR) {
      continue;
    }
    if (n < 0) {
      throw system_error(errno, "cannot write", name);
    }
    data += n;
    size -= static_cast<size_t>(n);
  }
}

void sync_directory(const std::filesystem::path& directory) {
  const int fd = ::open(directory.empty() ? "." : directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd >= 0) {
    ::fsync(fd);
    ::close(fd);
  }
}

}  // namespace

std::vector<std::filesystem::path> entries_of(const std::filesystem::path& folder) {
  const std::unique_ptr<DIR, int (*)(DIR*)> open(::opendir(folder.c_str()), &::closedir);
  if (open == nullptr) {
    throw system_error(errno, "cannot list", folder.filename().string());
  }
  std::vector<std::filesystem::path> entries;
  while (const dirent* entry = ::readdir(open.get())) {
    const std::string_view name = static_cast<const char*>(entry->d_name);
    if (name != "." && name != "..") {
      entries.push_back(folder / name);
    }
  }
  std::ranges::sort(entries);
  return entries;
}

InputFile::InputFile(const std::filesystem::path& path) : name_(path.filename().string()) {
  fd_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd_ < 0) {
    throw system_error(errno, "cannot open", name_);
  }
  struct stat info{};
  if (::fstat(fd_, &info) != 0 || !S_ISREG(info.st_mode)) {
    ::close(fd_);
    throw Error(ErrorCode::Corrupt, name_, "not a regular file");
  }
  size_ = static_cast<uint64_t>(info.st_size);
}

InputFile::~InputFile() {
  if (fd_ >= 0) {
    ::close(fd_);
  }
}

InputFile::InputFile(InputFile&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), size_(other.size_), name_(std::move(other.name_)) {}

void InputFile::read_at(uint64_t offset, std::span<std::byte> out) const {
  while (!out.empty()) {
    const size_t step = std::min<size_t>(out.size(), size_t{1} << 30);
    const ssize_t n = ::pread(fd_, out.data(), step, static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) {
      continue;
    }
    if (n < 0) {
      throw system_error(errno, "cannot read", name_);
    }
    if (n == 0) {
      throw Error(ErrorCode::Corrupt, name_, "file ends early, at byte " + std::to_string(offset));
    }
    offset += static_cast<uint64_t>(n);
    out = out.subspan(static_cast<size_t>(n));
  }
}

std::string read_file(const std::filesystem::path& path, uint64_t max_bytes) {
  const InputFile file(path);
  if (file.size() > max_bytes) {
    throw Error(ErrorCode::Corrupt, file.name(), "larger than the limit of " + std::to_string(max_bytes) + " bytes");
  }
  std::string content(file.size(), '\0');
  file.read_at(0, std::as_writable_bytes(std::span(content)));
  return content;
}

void write_file_atomic(const std::filesystem::path& path, std::string_view content) {
  OutputFile file(path);
  file.write(content);
  file.commit();
}

OutputFile::OutputFile(std::filesystem::path path) : path_(std::move(path)) {
  std::string pattern = path_.string() + ".tmp-XXXXXX";
  std::vector<char> name(pattern.begin(), pattern.end());
  name.push_back('\0');
  fd_ = ::mkostemp(name.data(), O_CLOEXEC);
  if (fd_ < 0) {
    throw system_error(errno, "cannot create", path_.filename().string());
  }
  temporary_ = name.data();
  // mkostemp makes 0600; a model folder is read by other users as any file of this user would be.
  const mode_t mask = ::umask(0);
  ::umask(mask);
  ::fchmod(fd_, 0666 & ~mask);
}

OutputFile::~OutputFile() {
  if (fd_ >= 0) {
    ::close(fd_);
    ::unlink(temporary_.c_str());
  }
}

void OutputFile::write(std::span<const std::byte> bytes) {
  write(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
}

void OutputFile::write(std::string_view text) {
  size_ += text.size();
  while (!text.empty()) {
    const std::string_view part = text.substr(0, kBlock - block_.size());
    block_ += part;
    text.remove_prefix(part.size());
    if (block_.size() == kBlock) {
      flush();
    }
  }
}

void OutputFile::flush() {
  write_all(fd_, block_.data(), block_.size(), path_.filename().string());
  block_.clear();
}

void OutputFile::commit() {
  flush();
  const std::string name = path_.filename().string();
  if (::fsync(fd_) != 0) {
    throw system_error(errno, "cannot flush", name);
  }
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) {
    throw system_error(errno, "cannot rename into place", name);
  }
  ::close(std::exchange(fd_, -1));
  sync_directory(path_.parent_path());
}

}  // namespace burin
